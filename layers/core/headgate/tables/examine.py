"""From files to an answer: load, measure, decide by the rules of the domain, split and write."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from headgate.domain.checks import (
    check_dates,
    check_features,
    check_finite,
    check_identity,
    check_leakage,
    check_rows,
    check_schema,
    check_settings,
    check_units,
    is_slashed,
)
from headgate.domain.columns import THOUSANDS, Column, Measured, TargetValues, decide, in_grid
from headgate.domain.decimals import mixed_points
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.families import choose_family
from headgate.domain.findings import Findings
from headgate.domain.grids import FoundGrid
from headgate.domain.metrics import direction_of
from headgate.domain.project import ProjectSettings
from headgate.domain.reasons import Reason
from headgate.domain.series import FoundForecast
from headgate.domain.spec import SpecColumn, TrainingSpec
from headgate.domain.target import ENOUGH_ROWS_PER_CLASS, choose_target, class_too_rare, infer_goal
from headgate.tables.engine import Engine
from headgate.tables.forecasts import find_forecast, goal_settings, grids_of_windows, windows_of, without_future
from headgate.tables.intake import Format
from headgate.tables.leaks import associations
from headgate.tables.load import Loaded, load
from headgate.tables.looks import find_grids
from headgate.tables.measure import label_of, measure, measure_target
from headgate.tables.prepare import prepared
from headgate.tables.split import by_hash, by_time, count_parts, write_parts


@dataclass(frozen=True, slots=True)
class Learned:
    """What the champion learned, and the columns by which its dataset was split.

    `identified` tells how those were read, which decides on their hash; reports of old do not say. `holdout` tells from
    when to when the project's holdout reaches, of forecasts whose holdout is another dataset's; `quantiles` are those
    of the columns that are numbers, as `Measured` has them.
    """

    spec: TrainingSpec
    identity: Sequence[str]
    holdout: tuple[float, float] | None = None
    quantiles: Mapping[str, Sequence[float]] = field(default_factory=dict)
    identified: Sequence[SpecColumn] = ()

    @property
    def time_forms(self) -> dict[str, str]:
        """How times were written, by column."""
        of_identity = {each.name: each.datetime_format for each in self.identified if each.datetime_format}
        return self.spec.time_forms | of_identity


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note how long a stage takes, whether it succeeds or not."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = round(time.perf_counter() - begun, 3)


def examine(
    engine: Engine,
    files: Sequence[Path],
    kind: Format,
    settings: ProjectSettings,
    before: Learned | None,
    findings: Findings,
) -> TrainingSpec:
    """Examine a dataset; write train.parquet, validation.parquet and test.parquet into the engine's directory.

    Args:
        engine: of this dataset's own.
        files: plain files of one format with the same columns; deleted once they are loaded.
        kind: their format.
        settings: the project's.
        before: the champion, whose form the data must keep.
        findings: filled on the way.

    Raises:
        DatasetRefusedError: when the dataset is unfit to train on.
    """
    try:
        return _Examination(engine, settings, before, findings).run(files, kind)
    except duckdb.Error as error:
        # What else a file makes the engine stumble over is the file's fault; the engine's words may quote rows, and
        # so they are not passed on.
        raise DatasetRefusedError(
            Reason.UNREADABLE, f"The table cannot be processed ({type(error).__name__}). Export it anew."
        ) from None


@dataclass(slots=True)
class _Examination:
    """The steps of one examination, in their order."""

    engine: Engine
    settings: ProjectSettings
    before: Learned | None
    findings: Findings

    def run(self, files: Sequence[Path], kind: Format) -> TrainingSpec:
        known, settings, spec = self.findings, self.settings, self.before.spec if self.before else None
        with timed(known.seconds, "read"):
            loaded = self._loaded(files, kind)
        names = [column.name for column in loaded]
        known.target, known.target_why = choose_target(names, settings, spec)
        check_settings(names, known.target, settings)
        check_schema(names, spec)
        with timed(known.seconds, "measure"):
            known.measured = measured = measure(self.engine, loaded, self.before.time_forms if self.before else None)
            known.rows = measured[0].rows
            known.target_why += THOUSANDS if measured[names.index(known.target)].thousands else ""
            check_rows(known.rows, settings)
            kept = [column for column in measured if settings.columns.get(column.name) != "drop"]
            check_finite(kept)
            if self.before is not None:
                check_units(kept, self.before.spec, self.before.quantiles, settings.trusted)
                hashed = [column for column in measured if column.name in self.before.identity]
                check_dates([*kept, *hashed], self.before.time_forms)
            known.forecast = forecast = self._forecast(measured, known.target, spec)
        if forecast is not None:
            with timed(known.seconds, "windows"):
                measured = windows_of(self.engine, measured, known.target, settings, forecast)
        names = [column.name for column in measured]
        index = names.index(known.target)
        values = measure_target(self.engine, index, measured[index])
        known.goal = infer_goal(known.target, values, goal_settings(settings, forecast), spec)
        if forecast is not None and settings.task is None and spec is None:
            known.goal.why["task"] = "what a forecast tells is an amount"
        classes = known.goal.classes is not None
        target_sql = label_of(index, measured[index]) if classes else f"c{index}"
        known.grids = self._grids(measured)
        known.columns = self._decided(measured, spec)
        check_features(known.columns)
        sql = {
            column.name: prepared(names.index(column.name), column) for column in known.columns if column.name in names
        }
        used = [column for column in known.columns if column.used]
        with timed(known.seconds, "leakage"):
            self._check_leakage([(names.index(column.name), column) for column in used], target_sql, values)
        known.identity = [] if forecast else self._identity(names, used)
        identifying = self._identifying()
        with timed(known.seconds, "split"):
            parts = self._parts([prepared(names.index(column.name), column) for column in identifying])
            declared = [name for name in dict.fromkeys((*settings.slices, *settings.sensitive)) if name in sql]
            written = dict.fromkeys([*(column.name for column in used), *declared])
            selected = [(name, sql[name]) for name in written] + [(known.target, target_sql)]
            write_parts(self.engine, selected, parts)
            self._count_parts()
        return _spec(known, settings)

    def _loaded(self, files: Sequence[Path], kind: Format) -> list[Loaded]:
        """The table `data`, in whose place on disk it comes."""
        texts = self._texts()
        if kind is Format.PICTURES:
            table, of_pictures = self._pictured(files)
            files, kind, texts = [table], Format.CSV, [*texts, *of_pictures]
        loaded = load(self.engine, files, kind, as_text=texts, codes=self._codes())
        for path in files:
            path.unlink()
        for column in loaded:
            if column.mixed and self.settings.columns.get(column.name) != "drop":
                raise mixed_points(column.name)
        return loaded

    def _pictured(self, archives: Sequence[Path]) -> tuple[Path, Sequence[str]]:
        """The table of an archive's pictures, which takes its place on disk, and which columns of it are text."""
        from headgate.tables.archives import learned_grid, write_table  # most datasets hold no pictures

        if len(archives) > 1:
            raise DatasetRefusedError(
                Reason.PARTS_DIFFER, "A dataset of pictures is one archive. Pack all of them into one."
            )
        table = self.engine.workdir / "pictures.csv"
        learned = learned_grid(self.before.spec if self.before else None)
        written = write_table(archives[0], table, self.settings.images, learned)
        self.findings.pictures = written.found
        archives[0].unlink()
        return table, written.as_text

    def _texts(self) -> list[str]:
        """Columns that project.yaml says are text, though they may hold numbers."""
        return [name for name, setting in self.settings.columns.items() if setting in ("categorical", "text")]

    def _codes(self) -> list[str]:
        """Columns that the champion learned as text, or told rows apart by as text, though all of their values may be
        numbers this time. Whose series a row belongs to is told by numbers, too.
        """
        if self.before is None:
            return []
        said, forecast = self.settings.columns, self.before.spec.forecast
        learned = [each for each in self.before.spec.columns if not forecast or each.name not in forecast.entity]
        return [
            each.name
            for each in (*learned, *self.before.identified)
            if each.kind in ("categorical", "text") and said.get(each.name) in (None, "drop")
        ]

    def _forecast(self, measured: Sequence[Measured], target: str, spec: TrainingSpec | None) -> FoundForecast | None:
        if self.findings.pictures is None:
            return find_forecast(self.engine, measured, target, self.settings, spec)
        if self.settings.forecast.demanded:
            raise DatasetRefusedError(
                Reason.SETTINGS_INVALID, "project.yaml: forecast does not go with pictures. Leave it out."
            )
        return None

    def _grids(self, measured: Sequence[Measured]) -> list[FoundGrid]:
        known = self.findings
        if known.forecast is not None:
            return grids_of_windows(known.forecast.forecast)
        before = self.before.spec if self.before else None
        pictures = [known.pictures] if known.pictures and before is None else []
        taken = {known.target, *(name for found in pictures for name in found.grid.columns)}
        left = [column for column in measured if column.name not in taken]
        return pictures + find_grids(self.engine, measured, left, self.settings, before)

    def _decided(self, measured: Sequence[Measured], spec: TrainingSpec | None) -> list[Column]:
        known, settings = self.findings, self.settings
        places = {name for found in known.grids for name in found.grid.columns}
        decided = [
            decide(
                column,
                settings.columns.get(column.name),
                spec.kind_of(column.name) if spec else None,
                champion=spec is not None,
            )
            for column in measured
            if column.name != known.target
        ]
        decided = [in_grid(column) if column.name in places else column for column in decided]
        if known.forecast is None:
            return decided
        return [without_future(column, known.forecast) for column in decided] + list(known.forecast.left_out)

    def _check_leakage(self, used: Sequence[tuple[int, Column]], target: str, values: TargetValues) -> None:
        """Look for features that give the target away. The past cannot, and one pixel is not asked alone."""
        known = self.findings
        assert known.goal is not None
        assert known.target is not None
        exempt = {known.forecast.forecast.time} if known.forecast else set()
        for found in known.grids:
            if known.forecast or found.grid.kind == "image":
                exempt.update(found.grid.columns)
        asked = [(index, column) for index, column in used if column.name not in exempt]
        classes = known.goal.classes is not None
        told = associations(self.engine, asked, target, values, classes=classes) if asked else []
        check_leakage(told, known.target, classes=classes, trusted=self.settings.trusted)

    def _parts(self, identity: Sequence[str]) -> dict[str, str]:
        """SQL for each part of the split."""
        if self.findings.forecast is None:
            return by_hash(identity)
        parts, self.findings.times = by_time(self.engine, self.before.holdout if self.before else None)
        return parts

    def _identity(self, names: Sequence[str], used: Sequence[Column]) -> list[str]:
        """The columns that say which part a row belongs to. They are the champion's, once there is one: rows of the
        holdout must stay in the holdout."""
        wanted = sorted(self.settings.identity)
        if self.before is None:
            return wanted or sorted(column.name for column in used)
        if wanted and wanted != list(self.before.identity):
            raise DatasetRefusedError(
                Reason.SETTINGS_INVALID,
                "project.yaml: identity cannot change while a model serves, because rows of its holdout would move "
                "into training. Restore it, or start a new project.",
            )
        if lost := [name for name in self.before.identity if name not in names]:
            raise DatasetRefusedError(
                Reason.SCHEMA_CHANGED, f"The rows are told apart by {', '.join(lost[:6])}, which is gone. Restore it."
            )
        return list(self.before.identity)

    def _identifying(self) -> list[Column]:
        """The columns of the identity, to be hashed as they were for the champion; notes how."""
        known = self.findings
        by_name = {column.name: column for column in known.columns}
        now = [by_name[name] for name in known.identity]
        before = {each.name: each for each in self.before.identified} if self.before else {}
        check_identity(now, before)
        now = [
            replace(column, kind=before[column.name].kind)
            if column.name in before and column.measured.present
            else column
            for column in now
        ]
        known.identified = [_identified(before.get(column.name), _spec_column(column)) for column in now]
        return now

    def _count_parts(self) -> None:
        known = self.findings
        assert known.goal is not None
        assert known.target is not None
        label = known.target if known.goal.classes else None
        counts = count_parts(self.engine, label)
        known.parts = {part: sum(rows.values()) for part, rows in counts.items()}
        expected: set[str | None] = {*known.goal.classes} if known.goal.classes else {None}
        if all(expected <= rows.keys() for rows in counts.values()):
            return
        rarest = min(sum(rows.get(name, 0) for rows in counts.values()) for name in expected)
        if label is not None and not self.settings.identity and rarest < ENOUGH_ROWS_PER_CLASS:
            raise class_too_rare(known.target, len(expected), rarest)
        if known.forecast:
            raise DatasetRefusedError(
                Reason.TOO_FEW_ROWS,
                "Too few moments lie outside of the holdout to fill the training and the validation part. Add "
                "newer rows.",
            )
        raise DatasetRefusedError(
            Reason.TOO_FEW_ROWS,
            "Too few rows differ from each other to fill the training, the validation and the test part: equal rows "
            "(or rows of one identity) share a part. Add rows, or columns that tell them apart.",
        )


def _spec(known: Findings, settings: ProjectSettings) -> TrainingSpec:
    goal, target = known.goal, known.target
    assert goal is not None
    assert target is not None
    grids, used = [found.grid for found in known.grids], [column for column in known.columns if column.used]
    known.family, known.family_why = choose_family(grids, used, settings.training.family)
    return TrainingSpec(
        target=target,
        task=goal.task,
        classes=goal.classes,
        positive=goal.positive,
        metric=goal.metric,
        direction=direction_of(goal.metric),
        seed=settings.training.seed,
        columns=[_spec_column(column) for column in used],
        grids=grids,
        forecast=known.forecast.forecast if known.forecast else None,
        slices=settings.slices,
        sensitive=settings.sensitive,
        family=known.family,
    )


def _spec_column(column: Column) -> SpecColumn:
    form = column.measured.datetime_format if column.kind == "datetime" else None
    return SpecColumn(name=column.name, kind=column.kind, datetime_format=form)


def _identified(before: SpecColumn | None, now: SpecColumn) -> SpecColumn:
    """How a column of the identity is read from now on: as before, with the last form that says what is a day."""
    return now if before is None or is_slashed(now.datetime_format or "") else before
