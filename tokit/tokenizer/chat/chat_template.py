"""Chat templates that a tokenizer can be given: ChatML, Llama 3's, or a file.

ChatML: https://huggingface.co/Qwen/Qwen3-0.6B; Llama 3: https://huggingface.co/meta-llama/Meta-Llama-3-8B-Instruct
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokit.errors import UsageError
from tokit.registry import did_you_mean
from tokit.tokenizer.special_tokens import parse_roles

# Role → text of the special tokens of each template. A turn ends with the end of text, as in the models of the owners:
# what is trained on it stops after its turn.
CHAT_TOKENS = {
    "chatml": {"endoftext": "<|im_end|>", "im_start": "<|im_start|>"},
    "llama3": {
        "endoftext": "<|eot_id|>",
        "bos": "<|begin_of_text|>",
        "start_header_id": "<|start_header_id|>",
        "end_header_id": "<|end_header_id|>",
    },
}


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A chat template and what it needs.

    Attributes:
        name: "chatml", "llama3", or the name of a file.
        source: Its Jinja.
        tokens: Role → text of the special tokens that it writes.
    """

    name: str
    source: str
    tokens: Mapping[str, str]

    @property
    def built_in(self) -> bool:
        """True for a template of tokit's own."""
        return self.name in CHAT_TOKENS

    @property
    def settings(self) -> list[str]:
        """Its tokens as `role=text` settings of a training; ChatML's models also have an end of documents."""
        documents = {"bos": "<|endoftext|>"} if self.name == "chatml" else {}
        return [f"{role}={text}" for role, text in {**documents, **self.tokens}.items()]

    @classmethod
    def open(cls, name: str, special_tokens: Sequence[str] = ()) -> ChatTemplate:
        """A template by its name, or from a file.

        Args:
            name: "chatml", "llama3", or the path of a Jinja file.
            special_tokens: `role=text` settings of the tokens that a file needs.

        Raises:
            UsageError: no such template or file, or a setting that a known template excludes.
        """
        roles = parse_roles(special_tokens)
        if name not in CHAT_TOKENS:
            return cls(Path(name).name, _read_file(name), roles)
        tokens = CHAT_TOKENS[name]
        for role, text in roles.items():
            if tokens.get(role, text) != text:
                raise UsageError(
                    f"--special-token {role}={text}: --chat-template {name} has '{tokens[role]}' as {role}",
                    hint="leave it out, or give a template of your own as a file",
                )
        source = Path(__file__).with_name(f"{name}.jinja").read_text(encoding="utf-8")
        return cls(name, source, {**tokens, **roles})


def _read_file(name: str) -> str:
    path = Path(name)
    if not path.is_file():
        known = did_you_mean(name, list(CHAT_TOKENS))
        raise UsageError(f"--chat-template {name}: no such template or file", hint=f"{known}, or a Jinja file")
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--chat-template {name}: cannot be read: {error}", hint="give a Jinja file") from error
    if not source.strip():
        raise UsageError(f"--chat-template {name}: the file is empty", hint="give a Jinja file")
    return source
