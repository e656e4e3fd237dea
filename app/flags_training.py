"""The words of the trainings: train-starter, train-fspo, fit-population. Standard library only."""

import argparse


def starter(p: argparse.ArgumentParser) -> None:
    p.add_argument("--out", metavar="DIR", default="starter-training", help="folder of the run")
    p.add_argument("--minutes", type=float, default=75.0, help="for the model that draws")
    p.add_argument("--vae-minutes", type=float, default=20.0, help="for the autoencoder")
    p.add_argument("--decoder-minutes", type=float, default=0.0,
                   help="only teach the decoder on what the finished model draws")  # fmt: skip
    p.add_argument("--style-minutes", type=float, default=0.0,
                   help="only teach the finished model to tell its styles apart")  # fmt: skip
    p.add_argument("--personal", action="store_true",
                   help="only the adapter for a person's vector")  # fmt: skip
    p.add_argument("--device", default="auto", help="auto, cpu or cuda")
    p.add_argument("--resume", action="store_true",
                   help="go on from the last checkpoint; what --style-minutes, --decoder-minutes "
                   "taught after it is not in it and is replaced")  # fmt: skip
    p.add_argument("--gather", metavar="DIR",
                   help="only fetch the icon packages into DIR, and write --pack")  # fmt: skip
    p.add_argument("--pack", metavar="FILE",
                   help="learn from all that --gather packed, not the collection")  # fmt: skip
    p.add_argument("--shipped", action="store_true", help="begin with the weights that ship")
    p.add_argument("--copies", type=int, default=16, help="variants of each drawing")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--crops", type=int, default=32, help="pieces a step of the autoencoder")
    p.add_argument("--pairs", type=int, default=8, help="people a step of --personal")
    p.add_argument("--layers", type=int, default=8)


def teaching(p: argparse.ArgumentParser) -> None:
    p.add_argument("--data", metavar="DIR", required=True, help="a folder with personas/")
    p.add_argument("--out", metavar="DIR", default="fspo-training", help="folder of the run")
    p.add_argument("--minutes", type=float, default=60.0, help="of learning; judging comes on top")
    p.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    p.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    p.add_argument("--objective", default="ipo", choices=("ipo", "dpo"))
    for name, number, text in (("beta", 0.1, "held to where it started"), ("rate", 2e-4, "of Adam"),
                               ("shots", 4, "pairs before the question"), ("batch", 4, "lessons a "
                               "step"), ("steps", 100_000, "at most"), ("seed", 0, "of all draws"),
                               ("lessons", 2000, "drawn from all there are"),
                               ("voices", 48, "simulated people who like voices of the passages"),
                               ("rows", 4, "judged of a person held out")):  # fmt: skip
        p.add_argument(f"--{name}", type=type(number), default=number, help=text)


def population(p: argparse.ArgumentParser) -> None:
    p.add_argument("--data", metavar="DIR", required=True,
                   help="folders of known sets, or NAME.jsonl with lines of person, chosen, "
                   "rejected")  # fmt: skip
    p.add_argument("--out", metavar="FILE", default="population.safetensors",
                   help="the prior; its cards are written beside it")  # fmt: skip
    p.add_argument("--sets", metavar="NAME[,..]", help="only these; default: all there are")
    p.add_argument("--shippable", action="store_true", help="only what is CC BY or CC0")
