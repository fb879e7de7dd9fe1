#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "kernels/decode.h"
#include "kernels/matrix_data.h"

namespace ominix::kernels {
namespace {

using Mode = Encoding::Mode;

Format format_of(const Encoding& e) {
  switch (e.mode) {
    case Mode::mxfp4:
      return Format::fp4_g32;
    case Mode::nvfp4:
      return Format::fp4_g16;
    case Mode::mxfp8:
      return Format::bf16;  // holds its values exactly
    case Mode::affine: {
      const int width = e.bits == 8 ? 5 : e.bits - 2;
      const int type = e.type == DType::f16 ? 0 : e.type == DType::bf16 ? 1 : 2;
      return static_cast<Format>(static_cast<int>(Format::affine2_f16) + 3 * width + type);
    }
    case Mode::block:
      switch (e.type) {
        case DType::f32:
          return Format::f32;
        case DType::f16:
          return Format::f16;
        case DType::bf16:
          return Format::bf16;
        case DType::q4_0:
          return Format::q4_0;
        case DType::q4_1:
          return Format::q4_1;
        case DType::q5_0:
          return Format::q5_0;
        case DType::q5_1:
          return Format::q5_1;
        case DType::q8_0:
          return Format::q8_0;
        case DType::q2_k:
          return Format::q2_k;
        case DType::q3_k:
          return Format::q3_k;
        case DType::q4_k:
          return Format::q4_k;
        case DType::q5_k:
          return Format::q5_k;
        case DType::q6_k:
          return Format::q6_k;
        case DType::iq4_nl:
          return Format::iq4_nl;
        case DType::iq4_xs:
          return Format::iq4_xs;
        case DType::mxfp4:
          return Format::fp4_g32;
        case DType::nvfp4:
          return Format::fp4_g16;
        default:
          break;
      }
  }
  throw fail(ErrorCode::unsupported, "kernels: no kernel for a matrix of type {}",
             to_string(e.type));
}

// Bytes of a panel's scales.
uint64_t scale_bytes(const Encoding& e, Format format, int64_t cols) {
  const uint64_t n = cols;
  switch (format) {
    case Format::q2_k:
    case Format::q4_k:
    case Format::q5_k:
      return n / 256 * 320;
    case Format::q3_k:
    case Format::q6_k:
      return n / 256 * 288;
    case Format::iq4_xs:
      return n / 256 * 160;
    case Format::q4_0:
    case Format::q5_0:
    case Format::q8_0:
    case Format::iq4_nl:
      return n / 32 * 32;
    case Format::q4_1:
    case Format::q5_1:
      return n / 32 * 64;
    case Format::fp4_g32:
      return n / 32 * 32;
    case Format::fp4_g16:
      return (n + 31) / 32 * 64;
    default:
      return n / e.group_size * 2 * kLanes * info(e.type).bytes;
  }
}

uint32_t four(const uint8_t* q) {
  uint32_t v;
  std::memcpy(&v, q, 4);
  return v;
}
void put(uint8_t* line, int lane, uint32_t v) { std::memcpy(line + 4 * lane, &v, 4); }

// 32 numbers of one row into its lane of a block (cpu/formats.h reads it).
void put_quants(const uint8_t* q, int bits, int lane, uint8_t* block) {
  if (bits == 8) {
    for (int i = 0; i < 8; i++) put(block + 64 * i, lane, four(q + 4 * i));
    return;
  }
  uint32_t one = 0, two[2] = {};
  for (int i = 0; i < 8; i++) {
    const uint32_t v = four(q + 4 * i);
    const int shift = bits == 3 ? 2 : 4;
    one |= (v >> shift & 0x01010101u) << i;
    two[i / 4] |= (v >> (bits == 6 ? 4 : 0) & 0x03030303u) << (2 * (i % 4));
  }
  if (bits >= 4) {
    for (int i = 0; i < 4; i++) {
      const uint32_t low = four(q + 8 * i) & 0x0f0f0f0fu, high = four(q + 8 * i + 4) & 0x0f0f0f0fu;
      put(block + 64 * i, lane, low | high << 4);
    }
    block += 256;
  }
  if (bits == 6 || bits <= 3) {
    put(block, lane, two[0]);
    put(block + 64, lane, two[1]);
    block += 128;
  }
  if (bits == 5 || bits == 3) put(block, lane, one);
}

void copy16(uint8_t* line, int lane, const uint8_t* from) { std::memcpy(line + 2 * lane, from, 2); }

void put_bf16(uint8_t* line, int lane, float value) {  // exact for the values that occur
  const auto bits = static_cast<uint16_t>(__builtin_bit_cast(uint32_t, value) >> 16);
  std::memcpy(line + 2 * lane, &bits, 2);
}

// The scales of super block b, byte by byte as the file has them.
void put_k_scales(Format format, const uint8_t* b, int lane, uint8_t* out) {
  switch (format) {
    case Format::q2_k:
      copy16(out, lane, b + 80);
      copy16(out + 32, lane, b + 82);
      for (int g = 0; g < 16; g++) out[64 + 16 * g + lane] = b[g];
      return;
    case Format::q3_k:
      copy16(out, lane, b + 108);
      for (int g = 0; g < 16; g++) out[32 + 16 * g + lane] = q3_k_scale(b, g);
      return;
    case Format::q6_k:
      copy16(out, lane, b + 208);
      for (int g = 0; g < 16; g++) out[32 + 16 * g + lane] = b[192 + g];
      return;
    case Format::iq4_xs:
      copy16(out, lane, b);
      for (int g = 0; g < 8; g++) out[32 + 16 * g + lane] = iq4_xs_scale(b, g);
      return;
    default:  // q4_k, q5_k
      copy16(out, lane, b);
      copy16(out + 32, lane, b + 2);
      for (int g = 0; g < 8; g++) {
        int scale, min;
        q4_k_scales(b + 4, g, scale, min);
        out[64 + 32 * g + lane] = static_cast<uint8_t>(scale);
        out[80 + 32 * g + lane] = static_cast<uint8_t>(min);
      }
  }
}

uint64_t k_scale_bytes(Format format) {
  return format == Format::iq4_xs                           ? 160
         : format == Format::q3_k || format == Format::q6_k ? 288
                                                            : 320;
}

// Scale g of a form with E2M1 values, which count as whole numbers, doubled.
float fp4_scale(const Encoding& e, const uint8_t* const planes[3], int64_t g) {
  if (e.mode == Mode::mxfp4) return 0.5f * f8_e8m0_to_float(planes[1][g]);
  if (e.mode == Mode::nvfp4) return 0.5f * f8_e4m3_to_float(planes[1][g]);
  if (e.type == DType::mxfp4) return 0.5f * f8_e8m0_to_float(planes[0][17 * g]);
  return 0.5f * f8_e4m3_to_float(planes[0][g / 4 * 36 + g % 4] & 127);
}

void put_scales(const Encoding& e, Format format, const uint8_t* const planes[3], int64_t cols,
                int lane, uint8_t* out) {
  if (e.mode == Mode::affine) {
    const size_t size = info(e.type).bytes;
    for (int64_t g = 0; g < cols / e.group_size; g++, out += 2 * kLanes * size) {
      std::memcpy(out + lane * size, planes[1] + g * size, size);
      std::memcpy(out + (kLanes + lane) * size, planes[2] + g * size, size);
    }
    return;
  }
  if (format == Format::fp4_g32 || format == Format::fp4_g16) {
    const int64_t groups = cols / (format == Format::fp4_g32 ? 32 : 16);
    for (int64_t g = 0; g < groups; g++) put_bf16(out + 32 * g, lane, fp4_scale(e, planes, g));
    return;
  }
  const DTypeInfo& t = info(e.type);
  if (t.block == 256) {
    for (int64_t b = 0; b < cols / 256; b++) {
      put_k_scales(format, planes[0] + b * t.bytes, lane, out + b * k_scale_bytes(format));
    }
    return;
  }
  const bool min = format == Format::q4_1 || format == Format::q5_1;
  for (int64_t b = 0; b < cols / 32; b++) {
    const uint8_t* block = planes[0] + b * t.bytes;
    copy16(out + b * (min ? 64 : 32), lane, block);
    if (min) copy16(out + b * 64 + 32, lane, block + 2);
  }
}

// Four numbers of 16 bits from each of four rows, turned: r[i] becomes column i.
void turn(uint64_t r[4]) {
  constexpr uint64_t kEven = 0x0000ffff0000ffff, kFirst = 0xffffffff;
  const uint64_t a = (r[0] & kEven) | (r[1] & kEven) << 16,
                 b = (r[0] >> 16 & kEven) | (r[1] & ~kEven);
  const uint64_t c = (r[2] & kEven) | (r[3] & kEven) << 16,
                 d = (r[2] >> 16 & kEven) | (r[3] & ~kEven);
  r[0] = (a & kFirst) | c << 32, r[2] = a >> 32 | (c & ~kFirst);
  r[1] = (b & kFirst) | d << 32, r[3] = b >> 32 | (d & ~kFirst);
}

void pack_dense(const MatrixSource& source, const std::byte* const planes[3], int count,
                uint8_t* out, const MatrixData& data) {
  const uint64_t row = source.row_bytes(0);
  if (data.format != Format::f32 && source.encoding.mode == Mode::block) {
    const auto* from = reinterpret_cast<const uint8_t*>(planes[0]);
    int64_t k = 0;
    for (; count == kLanes && k + 4 <= data.cols; k += 4) {
      for (int lane = 0; lane < kLanes; lane += 4) {
        uint64_t r[4];
        for (int i = 0; i < 4; i++) std::memcpy(&r[i], from + (lane + i) * row + 2 * k, 8);
        turn(r);
        for (int i = 0; i < 4; i++) std::memcpy(out + (k + i) * 32 + 2 * lane, &r[i], 8);
      }
    }
    for (; k < data.cols; k++) {
      for (int lane = 0; lane < count; lane++)
        copy16(out + k * 32, lane, from + lane * row + 2 * k);
    }
    return;
  }
  std::vector<float> wide(data.cols);
  for (int lane = 0; lane < count; lane++) {
    const std::byte* at[3];
    for (int p = 0; p < 3; p++) at[p] = planes[p] + lane * source.row_bytes(p);
    decode_values(source.encoding, at, data.cols, wide.data());
    for (int64_t k = 0; k < data.cols; k++) {
      if (data.format == Format::f32) {
        std::memcpy(out + (k * kLanes + lane) * 4, &wide[k], 4);
      } else {
        put_bf16(out + k * 32, lane, wide[k]);
      }
    }
  }
}

}  // namespace

void plan(const MatrixSource& source, MatrixData& data) {
  const Encoding& e = source.encoding;
  data.format = format_of(e);
  data.rows = source.rows;
  data.cols = source.cols;
  if (data.dense()) {
    data.panel_bytes =
        static_cast<uint64_t>(data.cols) * kLanes * (data.format == Format::f32 ? 4 : 2);
  } else {
    const FormatKernels& f = portable::kTable.formats[static_cast<int>(data.format)];
    if (e.mode == Mode::affine) data.group_shift = e.group_size == 128 ? 2 : e.group_size / 64;
    data.scales_offset = static_cast<uint64_t>(data.blocks()) * f.quant_bytes;
    data.panel_bytes = data.scales_offset + scale_bytes(e, data.format, data.cols);
  }
  data.panel_bytes = (data.panel_bytes + 63) / 64 * 64;
  data.memory = Arena(data.panel_bytes * data.panels());
}

void pack_panel(const MatrixSource& source, const std::byte* const planes[3], int count,
                int64_t panel, MatrixData& data) {
  const Encoding& e = source.encoding;
  uint8_t* out = data.bytes(panel);
  if (data.dense()) return pack_dense(source, planes, count, out, data);
  const PutBlock direct = direct_block(e);
  std::vector<uint8_t> q;
  std::vector<float> scale, min;
  if (!direct) {
    q.resize(data.blocks() * kDepth);
    scale.resize(data.cols / 16 + 1);
    min.resize(data.cols / 16 + 1);
  }
  const int bits = grading(e).bits;
  const int quant_bytes = portable::kTable.formats[static_cast<int>(data.format)].quant_bytes;
  for (int lane = 0; lane < count; lane++) {
    const std::byte* at[3];
    const uint8_t* raw[3];
    for (int p = 0; p < 3; p++) {
      at[p] = planes[p] + lane * source.row_bytes(p);
      raw[p] = reinterpret_cast<const uint8_t*>(at[p]);
    }
    if (direct) {
      for (int64_t b = 0; b < data.blocks(); b++) direct(raw[0], b, lane, out + b * quant_bytes);
    } else {
      decode_row(e, at, data.cols, {q.data(), scale.data(), min.data()});
      for (int64_t b = 0; b < data.blocks(); b++) {
        put_quants(q.data() + b * kDepth, bits, lane, out + b * quant_bytes);
      }
    }
    put_scales(e, data.format, raw, data.cols, lane, out + data.scales_offset);
  }
}

void MatrixData::values(const Table& table, int64_t panel_index, int64_t first, int count,
                        float* out) const {
  const FormatKernels& f = table.formats[static_cast<int>(format)];
  Stage stage;
  f.unpack(panel(panel_index), first, count, stage);
  table.values(f, stage, count, out);
}

void read_row(const MatrixData& data, int64_t row, float* out) {
  const int64_t panel = row / kLanes, lane = row % kLanes;
  if (data.dense()) {
    const uint8_t* from = data.bytes(panel);
    for (int64_t k = 0; k < data.cols; k++) {
      if (data.format == Format::f32) {
        std::memcpy(&out[k], from + (k * kLanes + lane) * 4, 4);
      } else {
        uint16_t bits;
        std::memcpy(&bits, from + (k * kLanes + lane) * 2, 2);
        out[k] = data.format == Format::f16 ? f16_to_float(bits) : bf16_to_float(bits);
      }
    }
    return;
  }
  float wide[Stage::kBlocks * kDepth * kLanes];
  for (int64_t b = 0; b < data.blocks(); b += Stage::kBlocks) {
    const int count = static_cast<int>(std::min<int64_t>(Stage::kBlocks, data.blocks() - b));
    data.values(table(), panel, b, count, wide);
    const int64_t end = std::min<int64_t>(data.cols, (b + count) * kDepth);
    for (int64_t k = b * kDepth; k < end; k++) out[k] = wide[(k - b * kDepth) * kLanes + lane];
  }
}

}  // namespace ominix::kernels
