#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace ominix::testing {

// A hub of the test's own on loopback: it answers as Hugging Face and ModelScope do, or as badly as
// a test wants. One thread a connection, one request a connection.
class Mirror {
 public:
  struct Request {
    std::string method, path;                    // path with query, as sent
    std::map<std::string, std::string> headers;  // names in lower case
    std::string header(const std::string& name) const {
      const auto at = headers.find(name);
      return at == headers.end() ? "" : at->second;
    }
  };

  // What a connection can do; after the handler returns it is closed.
  class Connection {
   public:
    Connection(int socket, Mirror& mirror) : socket_(socket), mirror_(mirror) {}
    bool send(std::string_view bytes);  // false when the peer is gone
    // A whole answer; Content-Length is added unless `head` has one or a Transfer-Encoding.
    void answer(int status, std::string_view body, const std::string& head = "");
    void reset();                       // RST instead of FIN
    bool wait(int milliseconds) const;  // false when the mirror is closing

   private:
    int socket_;
    Mirror& mirror_;
  };

  struct File {
    std::string bytes;
    bool lfs = true;  // published by sha256; else by git's id
  };
  using Files = std::map<std::string, File>;
  using Handler = std::function<bool(const Request&, Connection&)>;

  Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;
  ~Mirror();

  std::string url(std::string_view host = "127.0.0.1") const;

  void publish(const std::string& id, Files files,
               const std::string& commit = std::string(40, 'a'));
  // Called before the mirror's own answers; true when it has answered.
  void intercept(Handler handler);
  int page_size = 1000;                     // entries of the list in one answer
  std::atomic<int> bytes_per_ms = 1 << 20;  // speed of files

  std::vector<Request> requests() const;
  uint64_t sent_bytes() const { return sent_; }  // of files
  void forget();

  // The honest answer for a file, from its Range header.
  void send_file(const Request& request, Connection& to, std::string_view bytes,
                 const std::string& head = "");
  // The file that a request asks for, or nullptr.
  const File* find(const Request& request) const;

 private:
  struct Model {
    Files files;
    std::string commit;
  };
  void accept_all();
  void serve(int socket);
  void route(const Request& request, Connection& to);
  void answer_tree(const Model& model, const std::string& id, const Request& request,
                   Connection& to) const;

  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Model> models_;
  Handler handler_;
  std::vector<Request> requests_;
  std::atomic<uint64_t> sent_ = 0;
  std::atomic<bool> closing_ = false;
  std::atomic<int> open_ = 0;
  std::thread thread_;
};

std::string sha256(std::string_view bytes);
std::string git_id(std::string_view bytes);

}  // namespace ominix::testing
