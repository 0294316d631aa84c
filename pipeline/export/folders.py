"""The folders that transformers reads, by the type of their weights."""

from typing import Literal

FolderType = Literal["fp32", "bf16"]
FOLDERS: dict[FolderType, str] = {"fp32": "safetensors", "bf16": "safetensors-bf16"}  # the most exact first
