#include "formats/gguf_types.h"

#include <array>
#include <utility>

namespace ominix::formats {
namespace {

constexpr std::array kTypes = {
    std::pair{0u, DType::f32},     std::pair{1u, DType::f16},     std::pair{2u, DType::q4_0},
    std::pair{3u, DType::q4_1},    std::pair{6u, DType::q5_0},    std::pair{7u, DType::q5_1},
    std::pair{8u, DType::q8_0},    std::pair{10u, DType::q2_k},   std::pair{11u, DType::q3_k},
    std::pair{12u, DType::q4_k},   std::pair{13u, DType::q5_k},   std::pair{14u, DType::q6_k},
    std::pair{20u, DType::iq4_nl}, std::pair{23u, DType::iq4_xs}, std::pair{24u, DType::i8},
    std::pair{25u, DType::i16},    std::pair{26u, DType::i32},    std::pair{27u, DType::i64},
    std::pair{28u, DType::f64},    std::pair{30u, DType::bf16},   std::pair{39u, DType::mxfp4},
    std::pair{40u, DType::nvfp4},
};

constexpr std::array kOtherTypes = {
    std::pair{4u, std::string_view("Q4_2")},        std::pair{5u, std::string_view("Q4_3")},
    std::pair{9u, std::string_view("Q8_1")},        std::pair{15u, std::string_view("Q8_K")},
    std::pair{16u, std::string_view("IQ2_XXS")},    std::pair{17u, std::string_view("IQ2_XS")},
    std::pair{18u, std::string_view("IQ3_XXS")},    std::pair{19u, std::string_view("IQ1_S")},
    std::pair{21u, std::string_view("IQ3_S")},      std::pair{22u, std::string_view("IQ2_S")},
    std::pair{29u, std::string_view("IQ1_M")},      std::pair{31u, std::string_view("Q4_0_4_4")},
    std::pair{32u, std::string_view("Q4_0_4_8")},   std::pair{33u, std::string_view("Q4_0_8_8")},
    std::pair{34u, std::string_view("TQ1_0")},      std::pair{35u, std::string_view("TQ2_0")},
    std::pair{36u, std::string_view("IQ4_NL_4_4")}, std::pair{37u, std::string_view("IQ4_NL_4_8")},
    std::pair{38u, std::string_view("IQ4_NL_8_8")}, std::pair{41u, std::string_view("Q1_0")},
};

}  // namespace

std::optional<DType> gguf_type(uint32_t id) {
  for (const auto& [known, type] : kTypes) {
    if (known == id) return type;
  }
  return std::nullopt;
}

std::optional<uint32_t> gguf_type_id(DType type) {
  for (const auto& [id, known] : kTypes) {
    if (known == type) return id;
  }
  return std::nullopt;
}

std::string_view gguf_other_type(uint32_t id) {
  for (const auto& [known, name] : kOtherTypes) {
    if (known == id) return name;
  }
  return {};
}

}  // namespace ominix::formats
