"""The shape of the smallest model that has all parts of a large one."""

SHAPE = {
    "kind": "qwen3",
    "layers": 2,
    "hidden_size": 32,
    "heads": 2,
    "kv_heads": 1,
    "intermediate_size": 64,
    "activation": "silu",
    "context": 64,
    "dropout": 0.0,
    "init_from": "data/init_from",
    "tie_embeddings": True,
}
