"""Golden files of the llama family: every rope type, tied and untied, both spellings of config.json."""
from transformers import LlamaConfig, LlamaForCausalLM

import common


def config(**changes):
    return LlamaConfig(**({
        "vocab_size": 192, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": False,
    } | changes))


def rope(rope_type, theta=10000.0, **values):
    return {"rope_type": rope_type, "rope_theta": theta, **values}


def case(config, **options):
    return lambda name: common.write_case(name, LlamaForCausalLM, config, **options)


CASES = {
    "llama-default": case(config(num_hidden_layers=3), spelling="old"),
    "llama-llama3": case(
        config(tie_word_embeddings=True,
               rope_parameters=rope("llama3", 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                    original_max_position_embeddings=64)),
        dtype="bfloat16"),
    "llama-linear": case(
        config(head_dim=32, rope_parameters=rope("linear", factor=4.0)), spelling="old", dtype="float16",
        note="num_attention_heads * head_dim = 128 is not hidden_size"),
    "llama-bias": case(
        config(num_key_value_heads=1, attention_bias=True, mlp_bias=True, rope_parameters=rope("default")),
        note="biases on q, k, v, o and the MLP; one key/value head"),
    "llama-yarn": case(
        config(rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=64)), dtype="bfloat16",
        note="max_position_embeddings / original_max_position_embeddings equals factor, as transformers demands"),
    "llama-longrope": case(
        config(max_position_embeddings=128, rope_parameters=rope(
            "longrope", short_factor=[1.0, 1.1, 1.2, 1.3, 1.5, 1.7, 2.0, 2.5],
            long_factor=[1.0, 1.5, 2.5, 4.0, 6.0, 9.0, 14.0, 20.0], original_max_position_embeddings=32)),
        batch_agrees=False, dtype="bfloat16",
        note="rows 0 and 1 pass original_max_position_embeddings and use long_factor, row 2 and input_ids_single stay"
             " below and use short_factor; every row was run alone, because transformers chooses once for a whole"
             " batch, and again at every step"),
    "llama-dynamic": case(
        config(rope_parameters=rope("dynamic", factor=2.0)), spelling="old", dtype="bfloat16",
        note="all lengths stay within max_position_embeddings, where dynamic is default"),
    "llama-dynamic-beyond": case(
        config(max_position_embeddings=16, rope_parameters=rope("dynamic", factor=2.0)), dtype="bfloat16",
        lengths=(70, 45, 24), single_length=20, with_greedy=False, batch_agrees=False,
        note="every row was run alone and in one piece, its base from its own length; no greedy tokens: while"
             " decoding transformers turns each new key with a new base and keeps the old ones"),
}

if __name__ == "__main__":
    common.main(CASES)
