"""Opening a tokenizer by what lies at a path: our own folder, or a file of another tool.

Foreign forms: Hugging Face tokenizer.json or a folder with one, SentencePiece .model, .tiktoken, BERT vocab.txt,
GPT-2's vocab.json with merges.txt.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.errors import ArtifactError
from tokit.storage.folder import MANIFEST, read_json, read_manifest
from tokit.text.pipeline import PATTERNS
from tokit.tokenizer.base import Identity, Tokenizer
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.special_tokens import KNOWN_TEXTS, TRANSFORMERS_ROLES
from tokit.tokenizer.tokenizer_json import why_lossy

if TYPE_CHECKING:
    import tokenizers

    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

# The name of an encoding fixes its pattern and special tokens: a .tiktoken file holds neither.
# https://github.com/openai/tiktoken (tiktoken_ext/openai_public.py)
FIM = {"<|fim_prefix|>": 1, "<|fim_middle|>": 2, "<|fim_suffix|>": 3}
TIKTOKEN: dict[str, tuple[str, dict[str, int]]] = {
    "cl100k_base": (
        "cl100k",
        {"<|endoftext|>": 100257, **{text: 100257 + n for text, n in FIM.items()}, "<|endofprompt|>": 100276},
    ),
    "o200k_base": ("o200k", {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}),
    "r50k_base": ("gpt2", {"<|endoftext|>": 50256}),
    "p50k_base": ("gpt2", {"<|endoftext|>": 50256}),
}
# Where shards keep the tokenizer that they were made with.
SHARDS_TOKENIZER = "tokenizer"


def load_tokenizer(path: str | Path) -> Tokenizer:
    """Open a tokenizer, own or foreign.

    Args:
        path: A tokenizer folder; shards or an embedding, for the tokenizer they were made with; or a foreign file or
            folder.

    Raises:
        ArtifactError: nothing is there, nothing known is there, or it is damaged.
    """
    place = Path(path)
    if (place / MANIFEST).is_file() or not place.exists():
        return _open_own(place)
    if place.is_file():
        return _open_file(place)
    for name, opener in FOLDER_FILES.items():
        if (place / name).is_file():
            return opener(place / name)
    candidates = [file for file in sorted(place.iterdir()) if file.is_file() and _by_name(file) is not None]
    if len(candidates) == 1:
        return _open_file(candidates[0])
    below = [str(child.parent) for child in sorted(place.glob("*/tokenizer.json"))]
    looked = f"looked for {', '.join(FOLDER_FILES)}, *.model"
    raise ArtifactError(
        f"{path}: no tokenizer in this folder", hint=f"one level down: {', '.join(below)}" if below else looked
    )


def _open_own(place: Path) -> Tokenizer:
    from tokit.tokenizer.encode.library_tokenizer import Known, LibraryTokenizer, id_of, parse_library_json

    manifest = read_manifest(place)
    if manifest["kind"] == "shards":
        return load_tokenizer(place / SHARDS_TOKENIZER)
    if manifest["kind"] in ("embedding", "contextual", "onnx"):
        return _open_library(place / "tokenizer.json")
    manifest = read_manifest(place, "tokenizer")
    path = place / "tokenizer.json"
    source = _read(path)
    digest, texts, ids = manifest["files"]["tokenizer.json"], manifest["special_tokens"], manifest.get("special_ids")
    # The file is the one that the manifest speaks of, so there is no need to look into it yet.
    if ids is not None and hashlib.sha256(source).hexdigest() == digest:
        identity = Identity(manifest["family"], "tokit", digest, ids, manifest["lossy_because"])
        known = Known(manifest["vocab_size"], texts)
        return LibraryTokenizer(partial(parse_library_json, source, path), identity, source=source, known=known)
    library = parse_library_json(source, path)
    specials = {role: id_of(library, text) for role, text in texts.items()}
    identity = Identity(manifest["family"], "tokit", digest, specials, manifest["lossy_because"])
    return LibraryTokenizer(library, identity, source=source)


def _open_file(path: Path) -> Tokenizer:
    opener = _by_name(path)
    if opener is not None:
        return opener(path)
    if path.suffix == ".json":
        is_vocab = path.name == "vocab.json" and path.with_name("merges.txt").is_file()
        return _open_gpt2(path) if is_vocab else _open_library(path)
    raise ArtifactError(
        f"{path}: not a tokenizer that tokit knows",
        hint="tokenizer.json, .model, .tiktoken, vocab.txt, vocab.json with merges.txt, or a folder with one",
    )


def _by_name(path: Path) -> Callable[[Path], Tokenizer] | None:
    """What opens a file whose name alone says what it is."""
    if path.name == "merges.txt":
        return lambda merges: _open_gpt2(merges.with_name("vocab.json"))
    if path.suffix == ".tiktoken":
        return _open_tiktoken
    if path.name.endswith("vocab.txt"):
        return _open_bert
    return _open_sentencepiece if ".model" in path.name else None


def _open_library(path: Path) -> LibraryTokenizer:
    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer, read_library_json

    library = read_library_json(path)
    config_path = path.with_name("tokenizer_config.json")
    config = read_json(config_path) if config_path.is_file() else None
    spec = json.loads(library.to_str())
    identity = Identity(
        str(spec["model"]["type"]).lower(), "tokenizer.json", _sha256(path), _roles(library, config), why_lossy(spec)
    )
    return LibraryTokenizer(library, identity, config, _read(path))


def _open_sentencepiece(path: Path) -> Tokenizer:
    from tokit.tokenizer.formats.sentencepiece import SentencePieceTokenizer

    return SentencePieceTokenizer(_read(path), str(path))


def _open_gpt2(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer as Library
    from tokenizers import models

    merges_path = path.with_name("merges.txt")
    vocab = read_json(path)
    lines = _read_text(merges_path).split("\n")
    pairs = [line.partition(" ") for line in lines if line and not line.startswith("#version")]
    merges = [(left, right) for left, _, right in pairs]
    try:
        library = Library(models.BPE(vocab=vocab, merges=merges))
    except Exception as error:  # the library raises a bare Exception
        raise ArtifactError(f"{merges_path}: does not fit {path}: {error}", hint="fetch both files again") from error
    _make_byte_level(library, "gpt2")
    specials = [text for text in ("<|endoftext|>",) if text in vocab]
    return _finish(library, specials, "bpe", "vocab.json and merges.txt", path)


def _open_bert(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer as Library
    from tokenizers import decoders, models, normalizers, pre_tokenizers

    tokens = [line.rstrip("\r") for line in _read_text(path).removesuffix("\n").split("\n")]
    vocab = {token: i for i, token in enumerate(tokens)}
    if "[UNK]" not in vocab:
        raise ArtifactError(f"{path}: not a BERT vocabulary (no [UNK])", hint="give a tokenizer.json, or a vocab.txt")
    library = Library(models.WordPiece(vocab=vocab, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
    # The file does not say whether the model is cased; a vocabulary that lower-casing would not change is not.
    lowercase = all(token == token.lower() for token in tokens if not token.startswith("["))
    library.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    specials = [text for text in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]") if text in vocab]
    if {"[CLS]", "[SEP]"} <= set(specials):
        from tokenizers import processors

        library.post_processor = processors.BertProcessing(("[SEP]", vocab["[SEP]"]), ("[CLS]", vocab["[CLS]"]))
    return _finish(library, specials, "wordpiece", "vocab.txt", path)


def _open_tiktoken(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer as Library
    from tokenizers import models

    from tokit.tokenizer.formats.ranked_merges import merges_of_ranks

    if path.stem not in TIKTOKEN:
        raise ArtifactError(
            f"{path}: a .tiktoken file holds no pattern, and '{path.stem}' is not a known encoding",
            hint=f"name the file after its encoding: {', '.join(TIKTOKEN)}",
        )
    pattern, specials = TIKTOKEN[path.stem]
    ranks = _read_ranks(path)
    alphabet = byte_alphabet()

    def shown(piece: bytes) -> str:
        return "".join([alphabet[byte] for byte in piece])

    vocab = {shown(piece): rank for piece, rank in ranks.items()}
    merges = [(shown(left), shown(right)) for left, right in merges_of_ranks(sorted(ranks, key=lambda p: ranks[p]))]
    # tiktoken takes a pre-token that is in the vocabulary whole, whatever its merges.
    library = Library(models.BPE(vocab={**vocab, **specials}, merges=merges, ignore_merges=True))
    _make_byte_level(library, pattern)
    return _finish(library, list(specials), "bpe", "tiktoken", path)


def _read_ranks(path: Path) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        if not line:
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise ArtifactError(f"{path}:{number}: not a token and its rank", hint="fetch the file again") from error
    return ranks


def _make_byte_level(library: tokenizers.Tokenizer, pattern: str) -> None:
    from tokenizers import Regex, decoders, pre_tokenizers

    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERNS[pattern]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    library.decoder = decoders.ByteLevel()


def _finish(library: tokenizers.Tokenizer, specials: Sequence[str], family: str, origin: str, path: Path) -> Tokenizer:
    from tokenizers import AddedToken

    from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

    library.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in specials])
    spec = json.loads(library.to_str())
    return LibraryTokenizer(library, Identity(family, origin, _sha256(path), _roles(library, None), why_lossy(spec)))


def _roles(library: tokenizers.Tokenizer, config: dict[str, Any] | None) -> dict[str, int]:
    """Role → id: by the names that the field uses, else by what tokenizer_config.json says."""
    added = {token.content: i for i, token in library.get_added_tokens_decoder().items() if token.special}
    roles: dict[str, int] = {}
    for role, texts in KNOWN_TEXTS.items():
        configured = [_content((config or {}).get(name)) for name in TRANSFORMERS_ROLES[role]]
        found = [text for text in (*texts, *configured) if text in added]
        if found:
            roles[role] = added[found[0]]
    return roles


def _content(token: Any) -> str:
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")


def _sha256(path: Path) -> str:
    from tokit.storage.folder import sha256_file

    return sha256_file(path)


def _read_text(path: Path) -> str:
    try:
        return _read(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path}: byte {error.start} is not UTF-8", hint="is it the right file?") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}", hint="is the path right?") from error


FOLDER_FILES: dict[str, Callable[[Path], Tokenizer]] = {
    "tokenizer.json": _open_library,
    "vocab.json": _open_gpt2,
    "tokenizer.model": _open_sentencepiece,
    "vocab.txt": _open_bert,
}
