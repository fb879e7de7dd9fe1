"""Golden files of the qwen3 family: norms on q and k, heads wider than the hidden size, tied and untied."""
from transformers import Qwen3Config, Qwen3ForCausalLM

import common


def config(**changes):
    return Qwen3Config(**({
        "vocab_size": 192, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 256,
        "rope_theta": 1000000.0, "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": False,
    } | changes))


def case(config, **options):
    return lambda name: common.write_case(name, Qwen3ForCausalLM, config, **options)


CASES = {
    "qwen3-untied": case(config(), spelling="old"),
    "qwen3-tied": case(config(tie_word_embeddings=True), dtype="bfloat16"),
}

if __name__ == "__main__":
    common.main(CASES)
