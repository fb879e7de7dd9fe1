#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <memory>

#include "formats/shown.h"
#include "store/http.h"

namespace ominix::store {
namespace {

using formats::shown;

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string part(const Url& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) return {};
  std::string out(text);
  curl_free(text);
  return out;
}

}  // namespace

std::string resolve_url(const std::string& base, const std::string& location) {
  const Url url(curl_url(), curl_url_cleanup);
  if (curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, location.c_str(), CURLU_URLENCODE) != CURLUE_OK) {
    throw fail(ErrorCode::corrupt_data, "pull: the server redirects to '{}', which is no URL",
               shown(location));
  }
  const std::string scheme = part(url, CURLUPART_SCHEME);
  if (scheme != "https" && (scheme != "http" || base.starts_with("https:"))) {
    throw fail(ErrorCode::corrupt_data, "pull: the server redirects to '{}', expected https",
               shown(location));
  }
  if (!part(url, CURLUPART_USER).empty() || !part(url, CURLUPART_PASSWORD).empty()) {
    throw fail(ErrorCode::corrupt_data, "pull: the server redirects to a URL with a user's name");
  }
  return part(url, CURLUPART_URL);
}

std::string origin_of(const std::string& text) {
  const Url url(curl_url(), curl_url_cleanup);
  const bool parsed = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK;
  const std::string scheme = part(url, CURLUPART_SCHEME), host = part(url, CURLUPART_HOST);
  if (!parsed || (scheme != "http" && scheme != "https") || host.empty() ||
      !part(url, CURLUPART_USER).empty()) {
    throw fail(ErrorCode::invalid_argument, "pull: the endpoint is '{}', expected https://HOST",
               shown(text));
  }
  std::string lower = host;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return fmt::format("{}://{}:{}", scheme, lower, part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

bool is_loopback_url(const std::string& text) {
  const Url url(curl_url(), curl_url_cleanup);
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return false;
  const std::string host = part(url, CURLUPART_HOST);
  in_addr address{};
  return host == "localhost" || host == "[::1]" ||
         (::inet_pton(AF_INET, host.c_str(), &address) == 1 &&
          privacy_of_ipv4(ntohl(address.s_addr)) == 2);
}

std::string encoded(std::string_view text) {
  char* out = curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size()));
  if (!out) throw std::bad_alloc();
  std::string result(out);
  curl_free(out);
  return result;
}

int privacy_of_ipv4(uint32_t a) {
  struct Range {
    uint32_t start;
    int bits, privacy;
  };
  // RFC 6890 and multicast.
  static constexpr std::array kRanges = {
      Range{0x7F000000, 8, 2},  Range{0x0A000000, 8, 1},  Range{0xAC100000, 12, 1},
      Range{0xC0A80000, 16, 1}, Range{0x64400000, 10, 1}, Range{0xA9FE0000, 16, 3},
      Range{0x00000000, 8, 3},  Range{0xE0000000, 3, 3},
  };
  for (const Range& r : kRanges) {
    if ((a ^ r.start) >> (32 - r.bits) == 0) return r.privacy;
  }
  return 0;
}

int privacy_of_ipv6(std::span<const uint8_t, 16> a) {
  const bool zeros = std::all_of(a.begin(), a.begin() + 10, [](uint8_t b) { return b == 0; });
  const uint32_t last =
      uint32_t{a[12]} << 24 | uint32_t{a[13]} << 16 | uint32_t{a[14]} << 8 | a[15];
  if (zeros && a[10] == 0 && a[11] == 0) return last == 1 ? 2 : 3;            // ::1, ::, old forms
  if (zeros && a[10] == 0xFF && a[11] == 0xFF) return privacy_of_ipv4(last);  // ::ffff:a.b.c.d
  if (a[0] == 0 && a[1] == 0x64 && a[2] == 0xFF && a[3] == 0x9B) return privacy_of_ipv4(last);
  if ((a[0] & 0xFE) == 0xFC) return 1;                                    // fc00::/7
  if ((a[0] == 0xFE && (a[1] & 0xC0) == 0x80) || a[0] == 0xFF) return 3;  // fe80::/10, multicast
  return 0;
}

}  // namespace ominix::store
