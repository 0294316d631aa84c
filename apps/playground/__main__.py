"""Try the models of a finished run in the browser: `make play`, or `python -m apps.playground [NAME=FOLDER ...]`.

Serves a page and an OpenAI-compatible endpoint on 127.0.0.1, for whoever can reach it: there is no password.
"""

import argparse
import getpass
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

from apps.playground.server import Setup, app_of
from apps.playground.shelf import Shelf
from apps.sampling import CUTS, add_sampling, cut_of
from pipeline.core.errors import InputError, PipelineError
from pipeline.serve.engines import CACHE
from pipeline.serve.examples import examples_of
from pipeline.serve.places import Place, final_name, places_of, settings_of
from pipeline.serve.rules import rules_of
from pipeline.serve.votes import TARGET

OWN = frozenset({"127.0.0.1", "localhost", "[::1]"})
EVERYWHERE = ("0.0.0.0", "::")
DIALOGUES = Path("data/dialogues")


def main() -> None:
    """Say where the page is, and serve until Ctrl-C."""
    options = arguments()
    try:
        shelf, setup = prepared(options)
        listener = bound(options.host, options.port)
    except PipelineError as fault:
        sys.exit(f"play: {fault}")
    shown = f"[{options.host}]" if ":" in options.host else options.host
    address = f"http://{shown}:{listener.getsockname()[1]}/"
    print(f"play: {address} (OpenAI's interface: {address}v1), models: {', '.join(shelf.places)}; Ctrl-C ends it", flush=True)
    config = uvicorn.Config(app_of(shelf, setup), log_level="warning", access_log=False, ws="none", http="h11", loop="asyncio")
    uvicorn.Server(config).run(sockets=[listener])


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.playground", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="NAME=FOLDER", help="more models beside those of the run")
    parser.add_argument("--host", default="127.0.0.1", help="whom to answer: 0.0.0.0 is the whole network (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8642, help="0 takes any that is free (default: 8642)")
    parser.add_argument("--threads", type=int, default=1, help="of a model; small ones gain nothing from more (default: 1)")
    parser.add_argument("--keep", type=int, default=4, help="models that stay open at once (default: 4)")
    parser.add_argument("--waiting", type=int, default=256, help="requests that may wait for a model (default: 256)")
    parser.add_argument("--cache", type=size, default=CACHE, help=f"MiB of prompts that an open model keeps, 0: none (default: {CACHE})")
    parser.add_argument("--votes", type=Path, default=TARGET, help=f"the file that votes are added to (default: {TARGET})")
    parser.add_argument("--voter", help="who votes (default: your login)")
    parser.add_argument("--show-all", action="store_true", help="withhold nothing")
    add_sampling(parser, temperature=0.7, top_p=0.95, max_new=96)
    return parser.parse_args()


def prepared(options: argparse.Namespace) -> tuple[Shelf, Setup]:
    """The models, and how they are shown. PipelineError where there is none."""
    import torch

    torch.set_num_threads(options.threads)
    named = dict(pair(one) for one in options.models)
    settings: dict[str, Any] = {} if named and not Path("params.yaml").is_file() else settings_of()
    found: dict[str, Place] = places_of(settings, named)
    cut_of(options)
    draw = {name: getattr(options, name) for name in ("temperature", *CUTS, "max_new", "seed")}
    names = None if options.host in EVERYWHERE else OWN | {f"[{options.host.lower()}]" if ":" in options.host else options.host.lower()}
    rules = None if options.show_all else rules_of(settings)
    final, voter = final_name(settings, found), options.voter or getpass.getuser()
    examples = examples_of(DIALOGUES) if settings else []
    setup = Setup(final=final, draw=draw, votes=options.votes, voter=voter, rules=rules, names=names, examples=examples)
    return Shelf(found, threads=options.threads, keep=options.keep, waiting=options.waiting, cache=options.cache), setup


def pair(text: str) -> tuple[str, Path]:
    """NAME=FOLDER."""
    name, sign, folder = text.partition("=")
    if not (name and sign and folder):
        raise InputError(f"{text!r} names no model", mend="NAME=FOLDER")
    return name, Path(folder)


def size(text: str) -> int:
    """Whole MiB, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of MiB, as 32")
    return int(text)


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there. PipelineError where it can't."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as fault:
        raise PipelineError(f"can't listen on {host}, port {port}: {fault}", mend=".venv/bin/python -m apps.playground --port 0") from fault
    return found


if __name__ == "__main__":
    main()
