"""`make doctor`: all that is known to stand against a run, before it begins, each with its mend; and what each stage takes here.

Looks at what `make repro` with the same words would run, writes nothing, and ends with 1 where something stands against it. `--brief`, at
the start of `make repro`, looks at what a tenth of a second can tell; the settings are checked by the stage plan then.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.core.arithmetic import fix_arithmetic
from pipeline.core.blocks import read_blocks
from pipeline.core.errors import PipelineError
from pipeline.core.local import overlaid
from pipeline.core.mends import command, with_given, words_of
from pipeline.core.params import read_mapping, read_params
from pipeline.core.progress import clock
from pipeline.core.remaining import to_do
from pipeline.doctor import machine
from pipeline.doctor.finding import Finding, size
from pipeline.doctor.stages import LAST, OTHER, Look, lacks, pretraining_seconds, times, with_memory

LOCK, LOG, PARAMS, PIPELINE = Path("dvc.lock"), Path(".run/log"), Path("params.yaml"), Path("dvc.yaml")
METRICS, VOCABULARY = Path("metrics"), Path("metrics/tokenizer.json")
IN_A_LOG = 200  # columns
TIMED_S, STEPS = 1.0, 2  # of the dry step, at least


def main() -> None:
    """Look, tell, and end with 1 where something stands against the run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--brief", action="store_true", help="only what can be told at once; ends with 1 where a file would be lost, and else never"
    )
    parser.add_argument("--data", default="", help="a folder of one's own text, as make repro takes it")
    parser.add_argument("--set", default="", help="more values and groups: 'KEY=VALUE GROUP=FILE'")
    parser.add_argument("words", nargs="*", help="KEY=VALUE or GROUP=FILE")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else IN_A_LOG)
    try:
        if options.brief:
            brief(console)
            return
        fix_arithmetic()  # their speed is measured
        stands = in_full(["--data", options.data, "--set", options.set, *options.words], console)
    except PipelineError as fault:
        sys.exit(str(fault))
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(1 if stands else 0)


def brief(console: Console) -> None:
    """A line, and what stands against the run."""
    settings = overlaid(read_params(), Path())
    blocks = read_blocks(PIPELINE, settings)
    todo = to_do(blocks, settings, locked())
    looks = times(todo, settings, LOG)
    room = machine.disk(Path(), todo, locked(), weights=0, checkpoint=0)
    findings = [room, machine.memory(), machine.packages(Path("requirements.lock")), machine.tracker(settings["track"], reach=False)]
    findings += machine.repository(Path())
    lost = machine.foreign_files(blocks, Path())
    count = sum(block.name != "plan" for block in blocks)
    free = f"disk {room.told.partition(';')[0]}, memory {findings[1].told}"
    console.print(f"doctor: {len(todo)} of {count} stages to do, {total(looks)}; {free}")
    tell_faults([one for one in [*findings, *lost] if one.mend], console)
    if lost:
        sys.exit(1)


def in_full(words: Sequence[str], console: Console) -> bool:
    """Everything; whether something stands against the run."""
    with console.status("settings"):
        looked = checked(words)
    settings, findings = looked["settings"], [*machine.repository(Path()), machine.packages(Path("requirements.lock")), machine.memory()]
    faults = [Finding("", one["message"], one["mend"]) for one in looked["faults"]]
    if faults:
        findings += around(settings or {})
    else:
        findings += against(settings, looked["changed"], console)
    grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for one in findings:
        grid.add_row(mark(one), one.what, one.told)
    console.print(grid)
    said = " ".join(one.told for one in faults)
    faulty = [*faults, *{one.told: one for one in findings if one.mend and one.told not in said}.values()]
    tell_faults(faulty, console, given=looked["words"])
    if faults:
        console.print("Time, memory, schedule and a dry step are looked at when the settings are right.")
    return any(one.stops for one in faulty)


def checked(words: Sequence[str]) -> dict[str, Any]:
    """What the plan says of these words, which knows Hydra and the stages."""
    command = [sys.executable, "-m", "stages.plan", "--check", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:  # it has said why
        sys.exit(done.returncode)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def around(settings: Mapping[str, Any]) -> list[Finding]:
    """What can be found where the settings have faults: a look that stumbles over one of these says nothing of its own."""
    from pipeline.doctor.own_data import own_data

    found: list[Finding] = []
    looks: Sequence[Callable[[], list[Finding]]] = (
        lambda: [machine.disk(Path(), to_do(read_blocks(PIPELINE, settings), settings, locked()), locked(), weights=0, checkpoint=0)],
        lambda: machine.computing(settings, device_of(settings)),
        lambda: [machine.tracker(settings["track"], reach=True)],
        lambda: own_data(settings),
    )
    for look in looks:
        with suppress(PipelineError, ImportError, KeyError, TypeError, ValueError, AttributeError):
            found += look()
    return found


def against(settings: Mapping[str, Any], changed: Sequence[str], console: Console) -> list[Finding]:
    """What there is to find where the settings can be composed; prints the stages and a dialogue."""
    from pipeline.doctor import data
    from pipeline.doctor.own_data import own_data
    from pipeline.doctor.templates import templates
    from pipeline.model.build import blank
    from pipeline.model.count import FP32, parameters
    from pipeline.model.memory import free
    from pipeline.pretraining.dry_step import measured, setting_of, vocabulary_of

    blocks = read_blocks(PIPELINE, settings)
    todo = to_do(blocks, settings, locked(), changed=changed)
    setting = setting_of(settings, vocabulary=vocabulary_of(settings, VOCABULARY))
    try:
        module = blank(settings["model"], vocabulary=setting.vocabulary)
    except PipelineError as fault:
        return [Finding("model", fault.message, fault.mend)]
    room = free("cpu" if setting.device == "cuda" and not on_gpu() else setting.device)
    looks = [with_memory(look, block, settings, module, free=room) for look, block in zip(times(todo, settings, LOG), todo, strict=True)]
    findings = lacks(looks)
    if any(look.name == "pretrain" and look.by != LAST for look in looks) and not findings and (setting.device == "cpu" or on_gpu()):
        with console.status("a dry step"):
            found = measured(settings["model"], setting, seconds=TIMED_S, steps=STEPS)
        dry = times(todo, settings, LOG, dry=pretraining_seconds(settings, found, tokens=data.text_tokens(METRICS)))
        looks = [with_memory(look, block, settings, module, free=room) for look, block in zip(dry, todo, strict=True)]
        told = f"a dry step took {size(found.peak)}, estimated were {size(found.memory)}; {found.speed / 1e9:,.1f} GFLOP/s"
        findings.append(Finding("dry step", told))
    console.print(table(looks))
    console.print(f"{len(looks)} stages to do, {total(looks)}", "", sep="\n", style="bold")
    own = settings["tokenizer"]
    shown = data.dialogue(Path("data"), Path(own["path"]) if own["kind"] == "import" else None)
    console.print(dialogue(shown.pieces, shown.by, colored=console.is_terminal), "", sep="\n")
    weights = FP32 * parameters(module)
    return [
        machine.disk(Path(), todo, locked(), weights=weights, checkpoint=3 * weights),
        *machine.foreign_files(blocks, Path()),
        *machine.computing(settings, setting.device),
        machine.tracker(settings["track"], reach=True),
        *own_data(settings),
        *data.passes(settings, METRICS),
        *data.ending(settings),
        shown.finding,
        *templates(settings),
        *findings,
    ]


def table(looks: Sequence[Look]) -> Table:
    """The stages that are to do, with time and memory."""
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name, justify in (("stage", "left"), ("time", "right"), ("by", "left"), ("memory", "right"), ("", "left")):
        grid.add_column(name, justify=justify)  # type: ignore[arg-type]
    for look in looks:
        memory = "" if look.memory is None else size(look.memory)
        how = "" if look.memory is None else "measured" if look.measured else "estimated"
        grid.add_row(look.name, "" if look.seconds is None else clock(look.seconds), look.by or "has not run here", memory, how)
    return grid


def total(looks: Sequence[Look]) -> str:
    """The time of all, and of how many it isn't known."""
    known = [look for look in looks if look.seconds is not None]
    if not known:
        return "no time known yet" if looks else "no time at all"
    other, unknown = sum(look.by == OTHER for look in known), len(looks) - len(known)
    notes = [f"{other} by other settings"] * bool(other) + [f"{unknown} unknown"] * bool(unknown)
    note = f" ({', '.join(notes)})" if notes else ""
    return f"about {clock(sum(look.seconds or 0 for look in known))}{note}"


def dialogue(pieces: Sequence[tuple[str, bool]], by: str, *, colored: bool) -> Text:
    """As a model is taught it: what is trained on in green, in a log between [[ and ]]."""
    text = Text(f"{by}, trained on {'in green' if colored else 'between [[ and ]]'}:\n  ", style="dim")
    for piece, trained in pieces:
        said = piece.replace("\n", "\n  ")
        text.append(f"[[{said}]]" if trained and not colored else said, style="not dim green" if trained else "not dim")
    return text


def tell_faults(findings: Sequence[Finding], console: Console, given: Sequence[str] = ()) -> None:
    """Each with its mend, and the command that sets all values which these name; with the words that were `given` to look at, not applied.

    A mend that is a command of its own says them too.
    """
    words = [word for one in findings if one.stops for word in words_of(one.mend or "")]
    for one in findings:
        what = f"{one.what}: " if one.what else ""
        console.print(Text.from_markup(f"{mark(one)} ") + Text(f"{what}{one.told}\n  mend: {with_given(one.mend or '', [*given, *words])}"))
    if words:
        console.print(Text(f"go on from here: {command(words, given)}"))


def mark(one: Finding) -> str:
    """Whether it stands against the run."""
    return "[green]✓[/]" if not one.mend else "[red]✗[/]" if one.stops else "[yellow]![/]"


def locked() -> dict[str, Any]:
    """dvc.lock; empty where there is none."""
    return read_mapping(LOCK, mend="resolve the merge in it, or git checkout dvc.lock") if LOCK.is_file() else {}


def device_of(settings: Mapping[str, Any]) -> str:
    """What would compute: a CPU where a GPU is asked for and there is none, which the plan tells."""
    return "cuda" if settings["hardware"]["device"] in ("auto", "cuda") and on_gpu() else "cpu"


def on_gpu() -> bool:
    """Whether there is one."""
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    main()
