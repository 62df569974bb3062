"""`jsl sweep`: which settings train best."""

from pathlib import Path
from typing import Annotated

from flows.cli.commands.check import check_before_run
from flows.cli.options import Flat, RunOptions
from flows.cli.terminal import Bars
from flows.server.embedded import embedded_prefect
from jsl_core.config import Preset, load_sweep
from jsl_core.storage import work_folder

__all__ = ["sweep"]


def sweep(
    file: Path,
    *,
    preset: Preset | None = None,
    settings: Annotated[RunOptions | None, Flat] = None,
) -> None:
    """Train one regime with many settings, judge it on the validation knees, and write the best ones out.

    Args:
        file: The settings of a run in TOML, with a table [sweep] that says what varies; options override
            it.
        preset: The settings to start from; `preset = "…"` in the file does the same.
    """
    options = settings.model_dump(exclude_unset=True) if settings else {}
    run_settings, search = load_sweep(file, preset, options)
    check_before_run(run_settings)
    home = work_folder(run_settings.store, run_settings.work) / "prefect"
    with Bars() as bars, bars.follow_tasks(), embedded_prefect(home, "flows.sweep"):
        # Prefect reads its environment when it is imported.
        from flows.sweep import sweep as run_sweep
        from tasks.caching import results_block

        result = run_sweep.with_options(result_storage=results_block(run_settings.store))(
            run_settings, search
        )
    print(f"\n{result.table}\n\nTable, picture and winner.toml: {result.folder}")
