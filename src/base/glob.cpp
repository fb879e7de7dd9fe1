#include "base/glob.h"

namespace ominix {

std::optional<std::vector<std::string>> match_stars(std::string_view pattern,
                                                    std::string_view text) {
  std::vector<std::string> stars;
  size_t star = pattern.find('*');
  if (text.substr(0, star) != pattern.substr(0, star)) return std::nullopt;
  if (star == std::string_view::npos) return stars;
  text.remove_prefix(star);
  for (;;) {
    pattern.remove_prefix(star + 1);
    star = pattern.find('*');
    const std::string_view piece = pattern.substr(0, star);
    size_t at;
    if (star == std::string_view::npos) {
      if (text.size() < piece.size() || !text.ends_with(piece)) return std::nullopt;
      at = text.size() - piece.size();
    } else {
      at = text.find(piece);
      if (at == std::string_view::npos) return std::nullopt;
    }
    stars.emplace_back(text.substr(0, at));
    text.remove_prefix(at + piece.size());
    if (star == std::string_view::npos) return stars;
  }
}

}  // namespace ominix
