"""`python -m tests.support.every_folder HOME THREADS`: every kind of artifact, made in HOME of the text in it.

It is run as a program, since the seed of Python's hashes is set at its start.
"""

from __future__ import annotations

import os
import sys

from tokit.cli.main import main

# What each command writes, and its arguments; where threads would change the bytes, one of them is asked for.
STATIC = {
    "word": "train word text.txt",
    "char": "train char text.txt",
    "byte": "train byte text.txt",
    "bpe": "train bpe text.txt -v 300 --chat-template chatml",
    "wordpiece": "train wordpiece text.txt -v 300",
    "counts": "count text.txt",
    "merged": "count --counts counts text.txt",
    "of-counts": "train bpe --counts counts -v 290",
    "bin": "encode text.txt -t bpe --split val=0.2",
    "npy": "encode text.txt -t bpe --to npy --seed 3",
    "parquet": "encode text.txt -t bpe --to parquet",
    "skipgram": "fit skipgram text.txt -t word -d 8 --deterministic",
    "cbow": "fit cbow text.txt -t word -d 8 --deterministic",
    "fasttext": "fit fasttext text.txt -t word -d 8 --bucket 100 --deterministic",
    "glove": "fit glove text.txt -t word -d 8 --deterministic",
    "svd": "fit svd text.txt -t word -d 8",
    "vectors.npy": "embed text.txt -e skipgram",
    "vectors.jsonl": "embed text.txt -e skipgram",
}
ONE_STEP = "--max-steps 1 --batch-size 2 --context-length 16 --hidden-size 16 --num-hidden-layers 1"
CONTEXTUAL = {
    "bert": f"fit bert text.txt -t bpe {ONE_STEP} --num-attention-heads 2 --threads 1",
    "modernbert": f"fit modernbert text.txt -t bpe {ONE_STEP} --num-attention-heads 2 --threads 1",
    "llama": f"fit llama text.txt -t bpe {ONE_STEP} --num-attention-heads 2 --threads 1",
    "lstm": f"fit lstm text.txt -t bpe {ONE_STEP} --threads 1",
    "distilled": "distill -m bert -d 8",
    "weighted": "distill -m bert --corpus text.txt -d 8",
    "tuned": "finetune labeled.tsv -m bert --epochs 1 --threads 1 --validation 0.2",
    "contextual.npy": "embed text.txt -e bert",
}


def make_all(threads: int, *, contextual: bool) -> None:
    """Run every command in the working folder.

    Args:
        threads: Given to each command that takes them and is not asked for one.
        contextual: Make language models too.
    """
    for out, line in {**STATIC, **(CONTEXTUAL if contextual else {})}.items():
        arguments = line.split()
        if "--threads" not in arguments:
            arguments += ["--threads", str(threads)]
        code = main([*arguments, "-o", out, "-q"])
        if code:
            raise SystemExit(f"{line}: exit code {code}")


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    make_all(int(sys.argv[2]), contextual=sys.argv[3:] == ["contextual"])
