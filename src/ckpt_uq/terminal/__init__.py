"""What commands share: options that mean the same everywhere, charts of plain characters, bars."""

#: Exit code when some cases failed and are named, while all others are done.
SOME_CASES_FAILED = 3
