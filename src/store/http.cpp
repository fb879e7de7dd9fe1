#include "store/http.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "formats/shown.h"

namespace ominix::store {
namespace {

using Clock = std::chrono::steady_clock;
using formats::shown;

constexpr int kMaxRedirects = 10;
constexpr size_t kMaxHead = 64u << 10;
constexpr uint64_t kSlowest = 1024;  // bytes a second

// libcurl asks to be initialised once, before threads use it.
void start_curl() {
  static const bool started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  if (!started) throw fail(ErrorCode::internal, "pull: libcurl does not start");
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_wanted(long status) { return status == 200 || status == 206 || status == 416; }

int privacy_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    return privacy_of_ipv4(ntohl(in.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    return privacy_of_ipv6(std::span<const uint8_t, 16>(in.sin6_addr.s6_addr));
  }
  return 3;
}

template <class T>
void set(CURL* curl, CURLoption option, T value) {
  if (curl_easy_setopt(curl, option, value) != CURLE_OK) {
    throw fail(ErrorCode::internal, "pull: libcurl does not know option {}",
               static_cast<int>(option));
  }
}

// What the callbacks of one hop share.
struct Hop {
  CURL* curl = nullptr;
  const HttpClient::Head* head = nullptr;
  const HttpClient::Body* body = nullptr;
  Response response;
  std::string location;
  size_t head_bytes = 0;
  bool head_given = false;
  std::exception_ptr error;

  // Runs `f`; what it throws waits until libcurl has returned.
  template <class F>
  bool guarded(F&& f) {
    try {
      f();
      return true;
    } catch (...) {
      error = std::current_exception();
      return false;
    }
  }

  long status() const {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
  }

  void give_head() {
    if (std::exchange(head_given, true)) return;
    response.status = status();
    curl_off_t length = -1;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length >= 0) response.length = static_cast<uint64_t>(length);
    if (!response.encoding.empty() && response.encoding != "identity") {
      throw fail(ErrorCode::corrupt_data,
                 "pull: the server sends '{}' encoding, expected the bytes as they are",
                 shown(response.encoding));
    }
    (*head)(response);
  }

  void header(std::string_view line) {
    head_bytes += line.size();
    if (head_bytes > kMaxHead) {
      throw fail(ErrorCode::too_big, "pull: the server's headers have more than {} bytes",
                 kMaxHead);
    }
    if (line.starts_with("HTTP/")) {
      response = {};
      location.clear();
      return;
    }
    const size_t colon = line.find(':');
    if (colon == line.npos) return;
    const std::string name = lower(line.substr(0, colon));
    const std::string value(trimmed(line.substr(colon + 1)));
    if (name == "location") location = value;
    if (name == "content-type") response.content_type = lower(value);
    if (name == "content-range") response.content_range = value;
    if (name == "content-encoding") response.encoding = lower(value);
    if (name == "etag") response.etag = value;
    if (name == "link") response.link = value;
  }
};

size_t on_header(char* data, size_t size, size_t count, void* context) {
  auto& hop = *static_cast<Hop*>(context);
  return hop.guarded([&] { hop.header({data, size * count}); }) ? size * count : 0;
}

size_t on_body(char* data, size_t size, size_t count, void* context) {
  auto& hop = *static_cast<Hop*>(context);
  const size_t bytes = size * count;
  if (!is_wanted(hop.status())) return 0;  // the body of a refusal is of no use
  const bool good = hop.guarded([&] {
    hop.give_head();
    if (hop.status() != 416) (*hop.body)(std::as_bytes(std::span(data, bytes)));
  });
  return good ? bytes : 0;
}

}  // namespace

struct HttpClient::State {
  const PullOptions& options;
  const std::atomic<bool>& stop;
  std::string origin;
  std::function<void()> poll;
  CURL* curl = nullptr;
  std::array<char, CURL_ERROR_SIZE> reason{};
  int privacy = -1;         // of the endpoint, once it is known
  bool redirected = false;  // this hop is not the first
  bool refused = false;     // an address was too private

  uint64_t window_bytes = 0;  // at the start of the window in which speed is measured
  Clock::time_point window_start;
  bool stalled = false;

  std::string hop(const Request& request, const std::string& url, const Head& head,
                  const Body& body, Response& response);
  [[noreturn]] void throw_status(long status, const std::string& url) const;
  [[noreturn]] void throw_curl(CURLcode code, const std::string& url) const;

  // For messages. The query of a redirect may be a key.
  std::string place(const std::string& url) const {
    return shown(redirected ? std::string_view(url).substr(0, url.find('?')) : url);
  }
};

namespace {

// The address is checked where it is used, so that no name can change its mind in between.
template <class State>
curl_socket_t on_socket(void* context, curlsocktype, curl_sockaddr* address) {
  auto& state = *static_cast<State*>(context);
  const int privacy = privacy_of(address->addr);
  if (!state.redirected) {
    state.privacy = std::max(state.privacy, privacy);
  } else if (privacy > state.privacy) {
    state.refused = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

template <class State>
int on_progress(void* context, curl_off_t, curl_off_t now, curl_off_t, curl_off_t) {
  auto& state = *static_cast<State*>(context);
  if (state.poll) state.poll();
  if (state.stop) return 1;
  const auto time = Clock::now();
  const auto passed = time - state.window_start;
  if (passed < state.options.stall_timeout) return 0;
  const auto bytes = static_cast<uint64_t>(now);
  const double seconds = std::chrono::duration<double>(passed).count();
  state.stalled = static_cast<double>(bytes - std::min(bytes, state.window_bytes)) <
                  seconds * static_cast<double>(kSlowest);
  state.window_bytes = bytes;
  state.window_start = time;
  return state.stalled ? 1 : 0;
}

}  // namespace

HttpClient::HttpClient(const PullOptions& options, const std::atomic<bool>& stop,
                       std::function<void()> poll)
    : state_(new State{options, stop, origin_of(options.endpoint), std::move(poll)}) {
  start_curl();
  state_->curl = curl_easy_init();
  if (!state_->curl) throw std::bad_alloc();
}

HttpClient::~HttpClient() { curl_easy_cleanup(state_->curl); }

void HttpClient::State::throw_status(long status, const std::string& url) const {
  const std::string what = fmt::format("pull: {} answers {}", place(url), status);
  if (status == 401 || status == 403) {
    throw fail(ErrorCode::not_found,
               "{}: no such model, or it needs permission ({}): accept its terms on the site and "
               "set the token in the environment",
               what, options.token.empty() ? "no token was sent" : "the token does not give it");
  }
  if (status == 404 || status == 410) {
    throw fail(ErrorCode::not_found, "{}: no such model, revision or file", what);
  }
  if (status == 408 || status == 429 || status >= 500) {
    curl_off_t wait = 0;
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
    throw Transient(what, std::chrono::seconds(wait));
  }
  throw fail(ErrorCode::io, "{}, expected 200", what);
}

void HttpClient::State::throw_curl(CURLcode code, const std::string& url) const {
  if (stop) throw fail(ErrorCode::cancelled, "pull: stopped");
  if (refused) {
    throw fail(ErrorCode::corrupt_data,
               "pull: the server redirects to '{}', an address inside a private network",
               place(url));
  }
  const char* text = reason[0] ? reason.data() : curl_easy_strerror(code);
  const std::string what =
      stalled ? fmt::format("pull: {}: under {} bytes/s for {} s", place(url), kSlowest,
                            std::chrono::duration<double>(options.stall_timeout).count())
              : fmt::format("pull: {}: {}", place(url), shown(text));
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      throw Error(ErrorCode::io, what);
    case CURLE_OUT_OF_MEMORY:
      throw std::bad_alloc();
    default:
      throw Transient(what);
  }
}

// One request without redirects; the URL to go to next, or nothing at the end.
std::string HttpClient::State::hop(const Request& request, const std::string& url, const Head& head,
                                   const Body& body, Response& response) {
  Hop hop{.curl = curl, .head = &head, .body = &body};
  curl_easy_reset(curl);
  reason[0] = '\0';
  refused = stalled = false;
  window_bytes = 0;
  window_start = Clock::now();

  using List = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;
  List headers(curl_slist_append(nullptr, "Accept-Encoding: identity"), curl_slist_free_all);
  if (!headers) throw std::bad_alloc();
  if (!options.token.empty() && origin_of(url) == origin) {
    const std::string line = "Authorization: Bearer " + options.token;
    if (!curl_slist_append(headers.get(), line.c_str()))
      throw std::bad_alloc();  // behind the first
  }
  const std::string range = fmt::format("{}-", request.from);
  if (request.from > 0) set(curl, CURLOPT_RANGE, range.c_str());

  set(curl, CURLOPT_URL, url.c_str());
  set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  set(curl, CURLOPT_HTTPHEADER, headers.get());
  set(curl, CURLOPT_USERAGENT, "ominix");
  set(curl, CURLOPT_NOSIGNAL, 1L);
  set(curl, CURLOPT_ERRORBUFFER, reason.data());
  set(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  if (request.at_most.count() > 0) {
    set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.at_most.count()));
  }
  set(curl, CURLOPT_BUFFERSIZE, 256L << 10);
  if (const char* bundle = std::getenv("SSL_CERT_FILE")) set(curl, CURLOPT_CAINFO, bundle);
  set(curl, CURLOPT_HEADERFUNCTION, &on_header);
  set(curl, CURLOPT_HEADERDATA, &hop);
  set(curl, CURLOPT_WRITEFUNCTION, &on_body);
  set(curl, CURLOPT_WRITEDATA, &hop);
  set(curl, CURLOPT_OPENSOCKETFUNCTION, &on_socket<State>);
  set(curl, CURLOPT_OPENSOCKETDATA, this);
  set(curl, CURLOPT_NOPROGRESS, 0L);
  set(curl, CURLOPT_XFERINFOFUNCTION, &on_progress<State>);
  set(curl, CURLOPT_XFERINFODATA, this);

  const CURLcode code = curl_easy_perform(curl);
  if (hop.error) std::rethrow_exception(hop.error);
  const long status = hop.status();
  if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && !is_wanted(status))) {
    if (is_redirect(status)) return resolve_url(url, hop.location);
    if (!is_wanted(status)) throw_status(status, url);
    hop.give_head();  // there was no body
    response = std::move(hop.response);
    return {};
  }
  throw_curl(code, url);
}

Response HttpClient::get(const Request& request, const Head& head, const Body& body) {
  Response response;
  std::string url = request.url;
  for (int hops = 0; hops <= kMaxRedirects; ++hops) {
    state_->redirected = hops > 0;
    url = state_->hop(request, url, head, body, response);
    if (url.empty()) return response;
  }
  throw fail(ErrorCode::corrupt_data, "pull: {} redirects more than {} times", shown(request.url),
             kMaxRedirects);
}

std::string HttpClient::text(const std::string& url, uint64_t most, Response* head) {
  std::string out;
  const Response response = get(
      {.url = url, .at_most = std::chrono::minutes(2)},
      [&](const Response& r) {
        if (r.status != 200) {
          throw fail(ErrorCode::corrupt_data, "pull: {} answers {}, expected 200", shown(url),
                     r.status);
        }
      },
      [&](std::span<const std::byte> bytes) {
        if (bytes.size() > most - out.size()) {
          throw fail(ErrorCode::too_big, "pull: {} has more than {} bytes", shown(url), most);
        }
        out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      });
  if (head) *head = response;
  return out;
}

}  // namespace ominix::store
