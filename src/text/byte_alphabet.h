#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ominix::text {

// The 256 printable characters that byte-level vocabularies write for bytes (GPT-2's table).
char32_t byte_to_char(uint8_t byte);
// -1 for a character outside the alphabet.
int char_to_byte(char32_t c);

std::string to_alphabet(std::string_view bytes);
// Nothing when a character is outside the alphabet. `text` is UTF-8.
std::optional<std::string> from_alphabet(std::string_view text);

// The key of a byte-level token in a vocabulary over raw bytes. A token that is not written in the
// alphabet gets a key that no text can contain.
std::string byte_key(std::string_view token);
void byte_key(std::string_view token, std::string& out);
// A key that no text can contain.
std::string foreign_key(std::string_view token);
// The token as its file writes it.
std::string token_of_byte_key(std::string_view key);

// The byte of a token "<0x0A>", or -1.
int byte_of_fallback_token(std::string_view token);
std::string fallback_token(uint8_t byte);

}  // namespace ominix::text
