"""`jsl sweep`: which settings train best."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows.cli.terminal import Bars
from flows.server.embedded import embedded_prefect
from jsl_core.config import PipelineSettings, Preset, load_sweep
from jsl_core.storage import open_store, work_folder

__all__ = ["sweep"]


def sweep(
    file: Path,
    *,
    preset: Preset | None = None,
    settings: Annotated[PipelineSettings | None, Parameter(name="*")] = None,
) -> None:
    """Train one regime with many settings, judge it on the validation knees, and write the best ones out.

    Parameters
    ----------
    file
        The settings of a run in TOML, with a table [sweep] that says what varies; options override it.
    preset
        The settings to start from; `preset = "…"` in the file does the same.
    """
    given = settings.model_dump(exclude_unset=True) if settings else {}
    chosen, search = load_sweep(file, preset, given)
    open_store(chosen.store).check()
    home = work_folder(chosen.store, chosen.work) / "prefect"
    with Bars() as bars, bars.following(), embedded_prefect(home, "flows.sweep"):
        # Prefect reads its environment when it is imported.
        from flows.sweep import sweep as run_sweep
        from tasks.caching import results_block

        swept = run_sweep.with_options(result_storage=results_block(chosen.store))(chosen, search)
    print(f"\n{swept.table}\n\nTable, picture and winner.toml: {swept.folder}")
