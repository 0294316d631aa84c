"""What the machine costs and draws, which no file knows: options of several programs."""

import argparse


def add_prices(parser: argparse.ArgumentParser) -> None:
    """--price and --watts."""
    parser.add_argument("--price", type=float, help="$ an hour of the machine")
    parser.add_argument("--watts", type=float, help="of the machine")
