"""Golden files of the qwen2 family: biases on q, k and v, tied and untied, with and without a window."""
from transformers import Qwen2Config, Qwen2ForCausalLM

import common


def config(**changes):
    return Qwen2Config(**({
        "vocab_size": 192, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
        "rope_theta": 1000000.0, "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": False,
    } | changes))


def case(config, **options):
    return lambda name: common.write_case(name, Qwen2ForCausalLM, config, **options)


CASES = {
    "qwen2-untied": case(config(), spelling="old"),
    "qwen2-tied": case(config(tie_word_embeddings=True), dtype="bfloat16"),
    "qwen2-window": case(
        config(num_hidden_layers=3, use_sliding_window=True, max_window_layers=1, sliding_window=16), dtype="bfloat16",
        note="layers 1 and 2 see 16 keys, themselves included"),
}

if __name__ == "__main__":
    common.main(CASES)
