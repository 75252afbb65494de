"""A bar on stderr that counts cases, and moves within them."""

from __future__ import annotations


class CaseBar:
    """Shown while it is entered, on a terminal; a file that stderr is kept in gets what went wrong alone."""

    def __enter__(self) -> CaseBar:
        from rich.console import Console
        from rich.progress import Progress, TimeRemainingColumn

        console = Console(stderr=True)
        self._progress = Progress(
            *Progress.get_default_columns()[:-1],
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("starting", total=None)
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def show(self, case: str, done: float, n_cases: int) -> None:
        """Show how many cases are done, with fractions, and which one is at work."""
        self._progress.update(self._task, description=case, completed=done, total=n_cases)
