#include "store/mirror.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>

#include "store/hash.h"

namespace ominix::testing {
namespace {

using Json = nlohmann::json;

std::string hex_of(store::HashKind kind, std::string_view bytes) {
  store::Hasher hasher(kind);
  hasher.update(std::as_bytes(std::span(bytes)));
  return hasher.hex();
}

std::string decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    int value = 0;
    if (text[i] == '%' && i + 2 < text.size()) {
      std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string parameter(const std::string& path, const std::string& name) {
  const size_t at = path.find(name + "=");
  if (at == path.npos) return {};
  const size_t start = at + name.size() + 1;
  return decoded(std::string_view(path).substr(start, path.find('&', start) - start));
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

std::string sha256(std::string_view bytes) { return hex_of(store::HashKind::sha256, bytes); }
std::string git_id(std::string_view bytes) {
  return hex_of(store::HashKind::sha1,
                fmt::format("blob {}", bytes.size()) + std::string(1, '\0') + std::string(bytes));
}

bool Mirror::Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

void Mirror::Connection::answer(int status, std::string_view body, const std::string& head) {
  std::string text = fmt::format("HTTP/1.1 {} x\r\n{}Connection: close\r\n", status, head);
  const std::string names = lower(head);
  if (names.find("content-length:") == names.npos &&
      names.find("transfer-encoding:") == names.npos) {
    text += fmt::format("Content-Length: {}\r\n", body.size());
  }
  if (send(text + "\r\n")) send(body);
}

void Mirror::Connection::reset() {
  const linger hard{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

bool Mirror::Connection::wait(int milliseconds) const {
  for (int i = 0; i < milliseconds && !mirror_.closing_; i += 5) ::usleep(5000);
  return !mirror_.closing_;
}

Mirror::Mirror() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  ::setenv("no_proxy", "*", 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;  // all of 127.0.0.0/8, for redirects to another host
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("mirror: no socket on loopback");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { accept_all(); });
}

Mirror::~Mirror() {
  closing_ = true;
  thread_.join();
  ::close(listener_);
  while (open_ > 0) ::usleep(1000);
}

std::string Mirror::url(std::string_view host) const {
  return fmt::format("http://{}:{}", host, port_);
}

void Mirror::publish(const std::string& id, Files files, const std::string& commit) {
  const std::lock_guard lock(mutex_);
  models_[id] = {std::move(files), commit};
}

void Mirror::intercept(Handler handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

std::vector<Mirror::Request> Mirror::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void Mirror::forget() {
  const std::lock_guard lock(mutex_);
  requests_.clear();
  sent_ = 0;
}

void Mirror::accept_all() {
  while (!closing_) {
    pollfd wanted{listener_, POLLIN, 0};
    if (::poll(&wanted, 1, 20) <= 0) continue;
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    ++open_;
    std::thread([this, socket] {
      serve(socket);
      ::close(socket);
      --open_;
    }).detach();
  }
}

void Mirror::serve(int socket) {
  std::string head;
  std::array<char, 4096> piece;
  while (head.find("\r\n\r\n") == head.npos) {
    pollfd wanted{socket, POLLIN, 0};
    if (closing_) return;
    if (::poll(&wanted, 1, 50) == 0) continue;
    const ssize_t n = ::recv(socket, piece.data(), piece.size(), 0);
    if (n <= 0) return;
    head.append(piece.data(), static_cast<size_t>(n));
  }
  Request request;
  const size_t first = head.find(' ');
  request.method = head.substr(0, first);
  request.path = head.substr(first + 1, head.find(' ', first + 1) - first - 1);
  for (size_t at = head.find("\r\n"); at + 2 < head.size();) {
    const size_t end = head.find("\r\n", at + 2), colon = head.find(": ", at + 2);
    if (end == head.npos || end == at + 2) break;
    if (colon < end) {
      request.headers[lower(head.substr(at + 2, colon - at - 2))] =
          head.substr(colon + 2, end - colon - 2);
    }
    at = end;
  }
  Handler handler;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    handler = handler_;
  }
  Connection connection(socket, *this);
  if (!handler || !handler(request, connection)) route(request, connection);
}

const Mirror::File* Mirror::find(const Request& request) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, model] : models_) {
    std::string name;
    if (request.path.starts_with("/api/v1/models/" + id + "/repo?")) {
      name = parameter(request.path, "FilePath");
    } else if (const std::string start = "/" + id + "/resolve/" + model.commit + "/";
               request.path.starts_with(start)) {
      name = decoded(request.path.substr(start.size()));
    }
    const auto at = model.files.find(name);
    if (at != model.files.end()) return &at->second;
  }
  return nullptr;
}

void Mirror::send_file(const Request& request, Connection& to, std::string_view bytes,
                       const std::string& head) {
  uint64_t from = 0;
  const std::string range = request.header("range");
  if (!range.empty()) {
    std::from_chars(range.data() + 6, range.data() + range.size(), from);
    if (from >= bytes.size()) return to.answer(416, "");
  }
  const std::string_view rest = bytes.substr(from);
  std::string text = fmt::format("HTTP/1.1 {} x\r\nContent-Length: {}\r\nConnection: close\r\n{}",
                                 from > 0 ? 206 : 200, rest.size(), head);
  if (from > 0) {
    text += fmt::format("Content-Range: bytes {}-{}/{}\r\n", from, bytes.size() - 1, bytes.size());
  }
  if (!to.send(text + "\r\n")) return;
  for (size_t at = 0; at < rest.size();) {
    const auto n = std::min<size_t>(rest.size() - at, static_cast<size_t>(bytes_per_ms));
    if (!to.send(rest.substr(at, n))) return;
    sent_ += n;
    at += n;
    if (at < rest.size()) ::usleep(1000);
    if (closing_) return;
  }
}

void Mirror::answer_tree(const Model& model, const std::string& id, const Request& request,
                         Connection& to) const {
  const std::string cursor = parameter(request.path, "cursor");
  const size_t start = cursor.empty() ? 0 : std::stoul(cursor);
  Json list = Json::array();
  size_t i = 0;
  for (const auto& [name, file] : model.files) {
    if (i++ < start || list.size() == static_cast<size_t>(page_size)) continue;
    Json entry = {
        {"type", "file"}, {"path", name}, {"size", file.bytes.size()}, {"oid", git_id(file.bytes)}};
    if (file.lfs) {
      entry["lfs"] = {
          {"oid", sha256(file.bytes)}, {"size", file.bytes.size()}, {"pointerSize", 130}};
    }
    list.push_back(std::move(entry));
  }
  std::string head;
  if (start + list.size() < model.files.size()) {
    head =
        fmt::format("Link: <{}/api/models/{}/tree/{}?recursive=true&cursor={}>; rel=\"next\"\r\n",
                    url(), id, model.commit, start + list.size());
  }
  to.answer(200, list.dump(), head);
}

void Mirror::route(const Request& request, Connection& to) {
  if (const File* file = find(request)) return send_file(request, to, file->bytes);
  std::map<std::string, Model> models;
  {
    const std::lock_guard lock(mutex_);
    models = models_;
  }
  for (const auto& [id, model] : models) {
    if (request.path.starts_with("/api/models/" + id + "/revision/")) {
      return to.answer(200, Json{{"id", id}, {"sha", model.commit}}.dump());
    }
    if (request.path.starts_with("/api/models/" + id + "/tree/" + model.commit)) {
      return answer_tree(model, id, request, to);
    }
    if (request.path.starts_with("/api/v1/models/" + id + "/repo/files?")) {
      Json list = Json::array({{{"Type", "tree"}, {"Path", "folder"}}});
      for (const auto& [name, file] : model.files) {
        list.push_back({{"Type", "blob"},
                        {"Path", name},
                        {"Size", file.bytes.size()},
                        {"Sha256", sha256(file.bytes)}});
      }
      return to.answer(200, Json{{"Code", 200}, {"Data", {{"Files", list}}}}.dump());
    }
  }
  to.answer(404, "{}");
}

}  // namespace ominix::testing
