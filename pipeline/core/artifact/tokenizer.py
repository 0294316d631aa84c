"""A trained tokenizer on disk."""

from pipeline.core.artifact.base import Artifact


class Tokenizer(Artifact):
    """tokenizer.json, tokenizer_config.json, special_tokens_map.json and chat_template.jinja, as transformers reads them."""

    kind = "tokenizer"
