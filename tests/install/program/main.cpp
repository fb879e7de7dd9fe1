// A user's program: loads a model, completes a text, and looks at what the loader bound.
#include <dlfcn.h>

#include <ominix/engine.h>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

namespace {

// The file that holds an address.
std::string owner(void* address) {
  Dl_info info{};
  if (address == nullptr || dladdr(address, &info) == 0) return "nothing";
  return info.dli_fname;
}

std::string read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void main_file() {}  // an address in this program

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: program MODEL EXPECTED_TEXT\n";
    return 2;
  }
  // What the loader finds first is what MLX calls.
  for (const char* function : {"cblas_sgemm", "cblas_dgemm", "cblas_cgemm"}) {
    const std::string found = owner(dlsym(RTLD_DEFAULT, function));
    if (found != owner(reinterpret_cast<void*>(&main_file))) {
      std::cerr << function << " comes from " << found << ", expected this program\n";
      return 1;
    }
  }

  ominix::Engine engine({.exact = true});
  auto model = engine.load(argv[1]);
  ominix::TextRequest request;
  request.prompt = {1};
  request.max_tokens = 200;
  auto answer = engine.generate(model, request);
  std::string text;
  while (auto piece = answer.next()) text += piece->text;
  if (std::string expected = read(argv[2]); text != expected) {
    std::cerr << "answered '" << text << "', expected '" << expected << "'\n";
    return 1;
  }
  std::cout << "answered as expected: " << text.substr(0, 40) << "…\n";
} catch (const ominix::Error& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
