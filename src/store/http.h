#pragma once

#include <ominix/store.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ominix::store {

// A failure that another attempt may not meet: the network, a busy server.
class Transient : public Error {
 public:
  explicit Transient(const std::string& message, std::chrono::seconds wait = {})
      : Error(ErrorCode::io, message), wait_(wait) {}
  std::chrono::seconds wait() const { return wait_; }  // what the server asked for

 private:
  std::chrono::seconds wait_;
};

struct Request {
  std::string url;
  uint64_t from = 0;                     // first byte wanted; 0 asks for the whole
  std::chrono::milliseconds at_most{0};  // for all of it; 0: as long as bytes arrive
};

// The head of an answer with status 200, 206 or 416.
struct Response {
  long status = 0;
  std::string content_type, content_range, encoding, etag, link;
  std::optional<uint64_t> length;  // of the body, where the server says it
};

// GET over HTTP(S) by libcurl, for one thread. Redirects are followed by our own rules: at most 10,
// http and https only, never from https to http, never from the endpoint's kind of network to a
// more private one, and the token goes to the endpoint's own host only. Bodies come uncompressed or
// are refused.
class HttpClient {
 public:
  using Head = std::function<void(const Response&)>;
  using Body = std::function<void(std::span<const std::byte>)>;

  // `stop`: once true, requests end with ErrorCode::cancelled. `poll` is called about once a second
  // while a request runs. All outlive the client.
  HttpClient(const PullOptions& options, const std::atomic<bool>& stop,
             std::function<void()> poll = {});
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // `head` comes once, before the first of `body`; what they throw ends the request and is thrown.
  // Errors: Transient; not_found (also: no permission), io, corrupt_data, cancelled.
  Response get(const Request& request, const Head& head, const Body& body);
  // A whole body of at most `most` bytes.
  std::string text(const std::string& url, uint64_t most, Response* head = nullptr);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The URL that `location` means on the page `base`. Errors: corrupt_data.
std::string resolve_url(const std::string& base, const std::string& location);
// "scheme://host:port". Errors: invalid_argument (no http or https URL).
std::string origin_of(const std::string& url);
// Whether it names this machine: localhost, 127.0.0.0/8, ::1.
bool is_loopback_url(const std::string& url);
// One part of a path or query, percent-encoded.
std::string encoded(std::string_view text);

// How far inside a network an address lies: 0 public … 3 link-local. A redirect may not lead
// further inside than the endpoint itself is.
int privacy_of_ipv4(uint32_t address);
int privacy_of_ipv6(std::span<const uint8_t, 16> address);

}  // namespace ominix::store
