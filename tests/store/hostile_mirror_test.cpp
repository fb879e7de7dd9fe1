// The ways in which a mirror can answer for a file; hostile_list_test.cpp has those of its lists.
#include "store/hostile_mirror.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;
using testing::HostileMirror;
using testing::Mirror;
using Request = Mirror::Request;
using Connection = Mirror::Connection;

// Answers to a request that goes on from byte 200,000.

TEST_F(HostileMirror, B01_200ToARange) {
  leave_part(200'000);
  weights_by([&](const Request& r, Connection& to) {
    EXPECT_EQ(r.header("range"), "bytes=200000-");
    to.answer(200, weights);
  });
  expect_good();
}

TEST_F(HostileMirror, B02_206WithAWrongStart) {
  leave_part(200'000);
  weights_by(
      [&](const Request&, Connection& to) {
        to.answer(206, weights.substr(100'000), "Content-Range: bytes 100000-299999/300000\r\n");
      },
      1);
  expect_good();
}

TEST_F(HostileMirror, B03_206WithAWrongTotal) {
  leave_part(200'000);
  weights_by(
      [&](const Request&, Connection& to) {
        to.answer(206, weights.substr(200'000), "Content-Range: bytes 200000-299999/300001\r\n");
      },
      1);
  expect_good();
}

TEST_F(HostileMirror, B04_206Multipart) {
  leave_part(200'000);
  weights_by(
      [&](const Request&, Connection& to) {
        to.answer(206, weights.substr(200'000),
                  "Content-Type: multipart/byteranges; boundary=x\r\n");
      },
      1);
  expect_good();
}

TEST_F(HostileMirror, B05_416OnAGoodRange) {
  leave_part(200'000);
  weights_by([&](const Request&, Connection& to) { to.answer(416, "no"); }, 1);
  expect_good();
}

TEST_F(HostileMirror, B06_ETagChangesBetweenParts) {
  weights_by(
      [&](const Request& r, Connection& to) {
        const bool first = r.header("range").empty();
        if (!first) return mirror.send_file(r, to, noise(weights.size(), 9), "ETag: \"two\"\r\n");
        to.send(fmt::format("HTTP/1.1 200 x\r\nETag: \"one\"\r\nContent-Length: {}\r\n\r\n",
                            weights.size()) +
                weights.substr(0, 150'000));
      },
      2);
  expect_good();
}

TEST_F(HostileMirror, B07_NeitherETagNorLength) {
  weights_by([&](const Request&, Connection& to) {
    to.send("HTTP/1.1 200 x\r\nConnection: close\r\n\r\n" + weights);
  });
  expect_good();
}

TEST_F(HostileMirror, B08_ContentLengthShort) {
  weights_by([&](const Request&, Connection& to) {
    to.answer(200, weights, "Content-Length: 299999\r\n");
  });
  expect_refused(ErrorCode::corrupt_data, "sends 299999 bytes");
}

TEST_F(HostileMirror, B09_ContentLengthLong) {
  weights_by([&](const Request&, Connection& to) {
    to.answer(200, weights + "x", "Content-Length: 300001\r\n");
  });
  expect_refused(ErrorCode::corrupt_data, "sends 300001 bytes");
}

TEST_F(HostileMirror, B10_NoLengthAndACloseAtAnyByte) {
  for (const size_t cut : {0, 1, 77'777, 299'999}) {
    weights_by([&](const Request&,
                   Connection& to) { to.send("HTTP/1.1 200 x\r\n\r\n" + weights.substr(0, cut)); },
               1);
    expect_good();
    Store(root).remove("org/one");
  }
  // More than was published, without saying so.
  weights_by(
      [&](const Request&, Connection& to) { to.send("HTTP/1.1 200 x\r\n\r\n" + weights + "x"); });
  expect_refused(ErrorCode::corrupt_data, "more than the published");
}

TEST_F(HostileMirror, B11_ChunkedAndCut) {
  weights_by(
      [&](const Request&, Connection& to) {
        to.send(
            fmt::format("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", 100'000) +
            weights.substr(0, 100'000) + "\r\n");
      },
      1);
  mirror.forget();
  expect_good();
  EXPECT_LE(mirror.sent_bytes(), 200'000 + config.size());
}

TEST_F(HostileMirror, B12_GzipBody) {
  weights_by([&](const Request& r, Connection& to) {
    EXPECT_EQ(r.header("accept-encoding"), "identity");
    to.answer(200, weights, "Content-Encoding: gzip\r\n");
  });
  expect_refused(ErrorCode::corrupt_data, "'gzip' encoding");
}

TEST_F(HostileMirror, B13_GzipBomb) {
  // 10 GB of zeros in a few bytes; in the list as well. Nothing is unpacked.
  const std::string bomb("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xec\xc1\x01\x01", 14);
  weights_by([&](const Request&, Connection& to) {
    to.answer(200, bomb, "Content-Encoding: gzip, gzip\r\nContent-Length: 300000\r\n");
  });
  expect_refused(ErrorCode::corrupt_data, "encoding");
  Store(root).remove("org/one");
  list_by(bomb, "Content-Encoding: br\r\n");
  expect_refused(ErrorCode::corrupt_data, "'br' encoding");
}

TEST_F(HostileMirror, B14_ALoginPageAs200) {
  leave_part(290'000);
  weights_by([&](const Request&, Connection& to) {
    to.answer(200, "<html>please log in</html>", "Content-Type: text/html\r\n");
  });
  Store store(root);
  EXPECT_ERROR(store.pull("org/one", options), ErrorCode::corrupt_data, "text/html");
  mirror.intercept({});
  mirror.forget();
  expect_good();  // and the page did not cost what was here
  EXPECT_LE(mirror.sent_bytes(), 10'000 + config.size());
}

TEST_F(HostileMirror, B15_AJsonErrorAs200) {
  weights_by([&](const Request&, Connection& to) { to.answer(200, R"({"error":"no"})"); });
  expect_refused(ErrorCode::corrupt_data, "sends 14 bytes");
  Store(root).remove("org/one");
  list_by(R"({"error":"no"})");
  expect_refused(ErrorCode::corrupt_data, "is object, expected an array");
}

TEST_F(HostileMirror, B16_RightSizeWrongBytes) {
  std::string other = weights;
  other[123'456] ^= 1;
  weights_by([&](const Request& r, Connection& to) { mirror.send_file(r, to, other); });
  expect_refused(ErrorCode::corrupt_data, "other bytes than were published");
}

TEST_F(HostileMirror, B17_RightBytesWrongPublishedHash) {
  list_by(fmt::format(
      R"([{{"type":"file","path":"model.safetensors","size":{0},"oid":"{1}","lfs":{{"oid":"{2}","size":{0}}}}}])",
      weights.size(), std::string(40, 'a'), std::string(64, 'b')));
  expect_refused(ErrorCode::corrupt_data, "other bytes than were published");
}

TEST_F(HostileMirror, B18_HashesInOtherForms) {
  std::string upper = testing::sha256(weights);
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  const auto list = [&](const std::string& hash) {
    return fmt::format(
        R"([{{"type":"file","path":"config.json","size":{},"oid":"{}"}},
            {{"type":"file","path":"model.safetensors","size":{},"lfs":{{"oid":"{}","size":{}}}}}])",
        config.size(), testing::git_id(config), weights.size(), hash, weights.size());
  };
  list_by(list("sha256:" + upper));
  expect_good();
  Store(root).remove("org/one");
  for (const std::string& hash : {std::string(), std::string(63, 'a'), std::string(64, 'g'),
                                  "md5:" + std::string(32, 'a'), "../" + std::string(61, 'a')}) {
    list_by(list(hash));
    EXPECT_ERROR(Store(root).pull("org/one", options), ErrorCode::corrupt_data, "has the hash");
  }
}

// Redirects.

TEST_F(HostileMirror, B19_AChainOfRedirects) {
  weights_by([&](const Request& r, Connection& to) {
    const size_t at = r.path.find("?hop=");
    const int hop = at == r.path.npos ? 0 : std::stoi(r.path.substr(at + 5));
    if (hop == 10) return mirror.send_file(r, to, weights);
    to.answer(302, "", fmt::format("Location: {}?hop={}\r\n", r.path.substr(0, at), hop + 1));
  });
  expect_good();
  Store(root).remove("org/one");
  weights_by([&](const Request& r, Connection& to) {
    const size_t at = r.path.find("?hop=");
    const int hop = at == r.path.npos ? 0 : std::stoi(r.path.substr(at + 5));
    if (hop == 11) return mirror.send_file(r, to, weights);
    to.answer(302, "", fmt::format("Location: {}?hop={}\r\n", r.path.substr(0, at), hop + 1));
  });
  expect_refused(ErrorCode::corrupt_data, "redirects more than 10 times");
}

TEST_F(HostileMirror, B20_ALoopOfRedirects) {
  weights_by([&](const Request& r, Connection& to) {
    to.answer(307, "", "Location: " + r.path + "\r\n");
  });
  expect_refused(ErrorCode::corrupt_data, "redirects more than 10 times");
}

TEST_F(HostileMirror, B21_AnotherHostNeverSeesTheToken) {
  options.token = "secret";
  std::atomic<int> elsewhere = 0;
  mirror.intercept([&](const Request& r, Connection& to) {
    const bool own = r.header("host").starts_with("127.0.0.1:");
    EXPECT_EQ(r.header("authorization"), own ? "Bearer secret" : "") << r.path;
    if (!own) ++elsewhere;
    if (!own || !is_weights(r)) return false;
    to.answer(302, "", "Location: " + mirror.url("127.0.0.2") + r.path + "\r\n");
    return true;
  });
  expect_good();
  EXPECT_EQ(elsewhere, 1);
}

TEST_F(HostileMirror, B21_TheListStaysAtItsHost) {
  list_by("[" + entry("a") + "]", "Link: <" + mirror.url("127.0.0.2") + "/next>; rel=\"next\"\r\n");
  expect_refused(ErrorCode::corrupt_data, "another host");
}

TEST_F(HostileMirror, B23_PrivateAddresses) {
  for (const char* host :
       {"169.254.169.254", "0.0.0.0", "[fe80::1]", "[::ffff:169.254.1.1]", "224.0.0.1"}) {
    weights_by([&](const Request& r, Connection& to) {
      to.answer(302, "", fmt::format("Location: http://{}{}\r\n", host, r.path));
    });
    EXPECT_ERROR(Store(root).pull("org/one", options), ErrorCode::corrupt_data, "private network");
  }
  mirror.intercept({});
  expect_good();
}

TEST_F(HostileMirror, B24_OtherSchemes) {
  for (const char* url :
       {"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "data:,x", "//", ""}) {
    weights_by([&](const Request&, Connection& to) {
      to.answer(302, "", fmt::format("Location: {}\r\n", url));
    });
    EXPECT_THROW(Store(root).pull("org/one", options), Error) << url;
    EXPECT_TRUE(Store(root).list().empty());
  }
  weights_by([&](const Request&, Connection& to) {
    to.answer(302, "", "Location: file:///etc/passwd\r\n");
  });
  expect_refused(ErrorCode::corrupt_data, "expected https");
}

// Speed and connections.

TEST_F(HostileMirror, B25_OneByteASecond) {
  options.attempts = 1;
  weights_by([&](const Request&, Connection& to) {
    to.send("HTTP/1.1 200 x\r\nContent-Length: 300000\r\n\r\n");
    for (size_t i = 0; i < 600 && to.wait(100) && to.send(weights.substr(i, 1)); ++i) {
    }
  });
  expect_refused(ErrorCode::io, "under 1024 bytes/s");
}

TEST_F(HostileMirror, B26_NothingForTenMinutes) {
  options.attempts = 1;
  weights_by([&](const Request&, Connection& to) { to.wait(600'000); });
  expect_refused(ErrorCode::io, "under 1024 bytes/s");
}

TEST_F(HostileMirror, B27_Reset) {
  weights_by(
      [&](const Request&, Connection& to) {
        to.send("HTTP/1.1 200 x\r\nContent-Length: 300000\r\n\r\n" + weights.substr(0, 5000));
        to.reset();
      },
      2);
  expect_good();
}

TEST_F(HostileMirror, B28_EarlyFin) {
  weights_by([&](const Request&, Connection&) {}, 2);
  expect_good();
  Store(root).remove("org/one");
  weights_by([&](const Request&, Connection&) {});
  expect_refused(ErrorCode::io, "Empty reply");
}

TEST_F(HostileMirror, B36_RetryAfterManyYears) {
  for (const int status : {429, 503}) {
    weights_by([&](const Request&, Connection& to) {
      to.answer(status, "", "Retry-After: 1000000000\r\n");
    });
    expect_refused(ErrorCode::io, "asks to wait");
    Store(root).remove("org/one");
  }
}

TEST_F(HostileMirror, B37_500ThenGood) {
  weights_by([&](const Request&, Connection& to) { to.answer(500, "oh"); }, 2);
  expect_good();
  Store(root).remove("org/one");
  auto left = std::make_shared<std::atomic<int>>(2);
  mirror.intercept([&, left](const Request& r, Connection& to) {
    if (!is_list(r) || left->fetch_sub(1) <= 0) return false;
    to.answer(502, "");
    return true;
  });
  expect_good();
}

TEST_F(HostileMirror, B38_ADateFromAnotherTime) {
  weights_by([&](const Request& r, Connection& to) {
    mirror.send_file(r, to, weights,
                     "Date: Thu, 01 Jan 2099 00:00:00 GMT\r\nExpires: 0\r\nAge: -1\r\n");
  });
  expect_good();
}

TEST_F(HostileMirror, B39_NothingDependsOnHead) {
  expect_good();
  for (const Request& request : mirror.requests()) EXPECT_EQ(request.method, "GET");
}

TEST_F(HostileMirror, B40_TwoMirrorsDisagree) {
  const std::string other = noise(weights.size(), 2);
  mirror.intercept([&](const Request& r, Connection& to) {
    if (!is_weights(r)) return false;
    if (r.header("host").starts_with("127.0.0.2:")) {
      mirror.send_file(r, to, other, "ETag: \"" + testing::sha256(other) + "\"\r\n");
    } else {
      to.answer(302, "", "Location: " + mirror.url("127.0.0.2") + r.path + "\r\n");
    }
    return true;
  });
  expect_refused(ErrorCode::corrupt_data, "other bytes than were published");
}

TEST_F(HostileMirror, EndlessHeaders) {
  weights_by([&](const Request&, Connection& to) {
    to.send("HTTP/1.1 200 x\r\n");
    for (int i = 0; i < 100'000 && to.send("X-Header: " + std::string(100, 'x') + "\r\n"); ++i) {
    }
  });
  options.attempts = 1;
  expect_refused(ErrorCode::too_big, "headers have more than");
}

TEST_F(HostileMirror, NoPermission) {
  for (const int status : {401, 403}) {
    weights_by([&](const Request&, Connection& to) { to.answer(status, "secret path"); });
    expect_refused(ErrorCode::not_found, "needs permission (no token was sent)");
    Store(root).remove("org/one");
  }
}

}  // namespace
}  // namespace ominix
