"""What commands share: options that mean the same everywhere, charts of plain characters, bars."""
