"""The demo from beginning to end: data, training, predictions, scores, figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from time import perf_counter
from typing import Any

from ckpt_uq.demo import figures, outputs
from ckpt_uq.demo.calibrating import fit_temperature
from ckpt_uq.demo.cases import CaseSplit, split_cases
from ckpt_uq.demo.datasets import DataSet, find_dataset
from ckpt_uq.demo.figures.panels import Shown
from ckpt_uq.demo.folder import REPORT, DemoSettings
from ckpt_uq.demo.machine import machine, versions
from ckpt_uq.demo.metrics import (
    calibrated_comparison,
    comparison,
    pooled_bins,
    rater_metrics,
    uncertainty_metrics,
)
from ckpt_uq.demo.predicting import predict_cases
from ckpt_uq.demo.progress import Progress, Silent
from ckpt_uq.demo.scoring import CalibrationScores, CaseScores, score_calibration, score_case
from ckpt_uq.demo.state import TrainingLog
from ckpt_uq.demo.training import train
from ckpt_uq.demo.unet import SmallUNet
from ckpt_uq.errors import DataError
from ckpt_uq.manifest import RunManifest, SavedSnapshot, read_run
from ckpt_uq.prediction import Prediction
from ckpt_uq.report.page import write_report


def run_demo(settings: DemoSettings, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Do what `settings` say, or what is left of it, and write everything to `out`.

    Parameters
    ----------
    settings : DemoSettings
        As :func:`~ckpt_uq.demo.folder.open_folder` gave them for this folder.
    out : Path
        Holds the interrupted training, if any.
    progress : Progress, optional
        Is told where the work is.

    Returns
    -------
    dict
        The content of metrics.json.

    Raises
    ------
    CkptUQError
        The data cannot be read, or a file of an earlier part of the run is damaged.
    """
    return _Demo(settings, out, progress or Silent()).run()


@dataclass(frozen=True)
class _Trained:
    model: SmallUNet
    log: TrainingLog
    run: RunManifest

    @property
    def best(self) -> SavedSnapshot:
        """The best single checkpoint: the best score on the selection cases, the earliest of equals."""
        return max(self.run.members, key=lambda member: member.score)


@dataclass(frozen=True)
class _Tested:
    """The test cases' predictions and scores, by the ensemble and by the best single checkpoint."""

    predictions: list[Prediction]
    single_predictions: list[Prediction]
    scores: list[CaseScores]
    single_scores: list[CaseScores]


@dataclass
class _Demo:
    settings: DemoSettings
    out: Path
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        dataset = find_dataset(self.settings.data)
        with self._timed("data"), self.progress.stage(f"read {dataset.name}", total=1) as advance:
            split = split_cases(dataset.load(self.settings.seed), dataset.split, self.settings.seed)
            advance("")
        trained = self._train(dataset, split)
        tested = self._test(dataset, split, trained)
        calibrated = self._calibrate(dataset, split, trained, tested)
        with self._timed("metrics"):
            metrics = {**self._metrics(dataset, split, trained, tested), **calibrated}
        with self._timed("figures"), self.progress.stage("draw", total=1) as advance:
            self._draw(dataset, split, trained, tested, metrics)
            advance("")
        metrics["seconds"] = {stage: round(seconds, 2) for stage, seconds in self.seconds.items()}
        outputs.write_json(self.out / "metrics.json", metrics)
        with self.progress.stage("report", total=1) as advance:
            write_report(self.out, self.out / REPORT)
            advance("")
        return metrics

    def _train(self, dataset: DataSet, split: CaseSplit) -> _Trained:
        model, log = train(
            dataset,
            split,
            seed=self.settings.seed,
            n_epochs=self.settings.n_epochs,
            run_dir=self.out / "run",
            state_path=self.out / "training_state.pt",
            progress=self.progress,
        )
        self.seconds["train"] = sum(log.seconds)  # those before an interruption too
        run = read_run(self.out / "run")
        outputs.write_history(self.out / "history.csv", run, log)
        return _Trained(model, log, run)

    def _test(self, dataset: DataSet, split: CaseSplit, trained: _Trained) -> _Tested:
        cases = split.test
        with self._timed("predict"), self.progress.stage("predict", total=2 * len(cases)) as advance:
            run_dir, model, best = self.out / "run", trained.model, [trained.best.epoch]
            predictions = predict_cases(run_dir, model, cases, dataset, advance=advance)
            single = predict_cases(run_dir, model, cases, dataset, epochs=best, advance=advance)
        scores, single_scores = [], []
        with self._timed("score"), self.progress.stage("score", total=len(cases)) as advance:
            for case, ours, theirs in zip(cases, predictions, single, strict=True):
                outputs.write_case(self.out / "cases" / case.name, case, ours)
                scores.append(score_case(ours, case, dataset.classes))
                single_scores.append(score_case(theirs, case, dataset.classes))
                advance(case.name)
            outputs.write_scores(self.out / "scores.csv", scores, single_scores)
            outputs.write_bins(self.out / "calibration_bins.json", scores)
        return _Tested(predictions, single, scores, single_scores)

    def _calibrate(
        self, dataset: DataSet, split: CaseSplit, trained: _Trained, tested: _Tested
    ) -> dict[str, Any]:
        """Give the ensemble and the best single checkpoint a temperature each; compare them again."""
        cases, best = split.calibration, [trained.best.epoch]
        systems = (("ensemble", None, tested.predictions), ("best_single", best, tested.single_predictions))
        temperature: dict[str, float] = {}
        scores: list[list[CalibrationScores]] = []
        with self._timed("calibrate"), self.progress.stage("calibrate", total=2 * len(cases)) as advance:
            for name, epochs, predictions in systems:
                seen = predict_cases(
                    self.out / "run", trained.model, cases, dataset, epochs=epochs, advance=advance
                )
                try:
                    transform = fit_temperature(seen, cases)
                except DataError as error:
                    return {"temperature": None, "not_calibrated": str(error)}
                (temperature[name],) = transform.temperature
                scores.append(
                    [
                        score_calibration(prediction.recalibrated(transform), case)
                        for prediction, case in zip(predictions, split.test, strict=True)
                    ]
                )
        return {"temperature": temperature, **calibrated_comparison(*scores)}

    def _metrics(
        self, dataset: DataSet, split: CaseSplit, trained: _Trained, tested: _Tested
    ) -> dict[str, Any]:
        metrics = {
            "data": dataset.name,
            "title": dataset.title,
            "classes": list(dataset.classes),
            "command": self.settings.command,
            "settings": {**asdict(self.settings), "batch_size": dataset.batch_size},
            "n_cases": {name: len(cases) for name, cases in vars(split).items()},
            "n_members": len(trained.run.members),
            "members": [_member(snapshot) for snapshot in trained.run.members],
            "best_single": _member(trained.best),
            **comparison(tested.scores, tested.single_scores),
            **uncertainty_metrics(tested.scores, dataset.subject),
            **rater_metrics(tested.predictions, split.test),
            **rater_metrics(tested.single_predictions, split.test, suffix="_best_single"),
        }
        metrics["checks"] = checks(dataset, metrics) if self.settings.n_epochs == dataset.n_epochs else []
        metrics |= {"date": f"{datetime.now(UTC):%Y-%m-%d}", "versions": versions(), "machine": machine()}
        return metrics

    def _draw(
        self, dataset: DataSet, split: CaseSplit, trained: _Trained, tested: _Tested, metrics: dict[str, Any]
    ) -> None:
        folder = self.out / "figures"
        folder.mkdir(exist_ok=True)
        shown = [Shown(*one) for one in zip(split.test, tested.predictions, tested.scores, strict=True)]
        figures.draw_training(folder / "training.png", trained.run, trained.best)
        figures.draw_panels(folder / "panels.png", shown, dataset)
        figures.draw_reliability(
            folder / "reliability.png",
            {
                "all voxels": _bins_of(tested, "bins"),
                "around the organ": _bins_of(tested, "bins_roi"),
            },
        )
        figures.draw_uncertainty_against_dice(
            folder / "uncertainty_dice.png",
            tested.scores,
            dataset.subject,
            metrics["uncertainty_dice_spearman"],
        )

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds[stage] = perf_counter() - start


def checks(dataset: DataSet, metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Whether the numbers lie where the data set's recipe says they must."""
    found = []
    for expected in dataset.expected:
        value: Any = reduce(lambda table, key: table[key], expected.key, metrics)
        met = expected.low < value < expected.high
        found.append(
            {
                "what": " ".join(expected.key),
                "value": value,
                "between": [expected.low, expected.high],
                "met": met,
            }
        )
    return found


def _member(snapshot: SavedSnapshot) -> dict[str, Any]:
    return {"epoch": snapshot.epoch, "cycle": snapshot.cycle, "score": snapshot.score, "lr": snapshot.lr}


def _bins_of(tested: _Tested, name: str) -> tuple[Any, Any]:
    both: Sequence[Sequence[CaseScores]] = (tested.scores, tested.single_scores)
    ensemble, single = (pooled_bins([getattr(case, name) for case in scores]) for scores in both)
    return ensemble, single
