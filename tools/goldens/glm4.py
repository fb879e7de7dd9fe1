"""Golden files of the glm4 family: four norms a layer, gate and up in one matrix, half of each head turned in
pairs of neighbours; with biases on q, k and v and without."""
from transformers import Glm4Config, Glm4ForCausalLM

import common


def config(**changes):
    return Glm4Config(**({
        "vocab_size": 192, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 256,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "attention_bias": True,
    } | changes))


def case(config, **options):
    return lambda name: common.write_case(name, Glm4ForCausalLM, config, **options)


CASES = {
    "glm4-bias": case(config(), dtype="bfloat16"),
    "glm4-plain": case(config(attention_bias=False, head_dim=32, num_key_value_heads=1, rms_norm_eps=1e-5),
                       dtype="bfloat16", spelling="old"),
}

if __name__ == "__main__":
    common.main(CASES)
