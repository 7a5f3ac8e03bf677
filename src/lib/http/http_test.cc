#include "lib/http/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/http/answers.h"

namespace fustor::http {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// Runs a task that never waits.
env::internal::Detached Run(env::Task<void> task) { co_await std::move(task); }

class Pieces final : public BodyReader {
 public:
  explicit Pieces(std::vector<Result<std::optional<std::string>>> pieces)
      : pieces_(std::move(pieces)) {}
  env::Task<Result<std::optional<std::string>>> ReadSome() override {
    co_return pieces_.at(next_++);
  }

 private:
  std::vector<Result<std::optional<std::string>>> pieces_;
  std::size_t next_ = 0;
};

env::Task<void> ReadAllInto(BodyReader* body, std::optional<Result<std::string>>* out) {
  *out = co_await body->ReadAll();
}

Result<std::string> ReadAll(std::vector<Result<std::optional<std::string>>> pieces) {
  Pieces body(std::move(pieces));
  std::optional<Result<std::string>> all;
  Run(ReadAllInto(&body, &all)).handle.resume();
  return *all;
}

std::optional<std::string> Piece(const char* text) { return text; }

TEST(BodyReader, ReadAllJoinsThePieces) {
  EXPECT_EQ(*ReadAll({std::optional<std::string>()}), "");
  EXPECT_EQ(*ReadAll({Piece("a"), std::optional<std::string>()}), "a");
  EXPECT_EQ(*ReadAll({Piece("ab"), Piece(""), Piece("cd"), std::optional<std::string>()}), "abcd");
}

TEST(BodyReader, ReadAllPassesFailuresOn) {
  const Status failure(Code::kResourceExhausted, "too large");
  EXPECT_EQ(ReadAll({Piece("ab"), failure}).status(), failure);
}

TEST(Headers, CompareNamesWithoutCaseAndKeepOrder) {
  Headers headers;
  headers.Add("Accept", "a");
  headers.Add("X-Key", "1");
  headers.Add("accept", "b");
  EXPECT_EQ(headers.Find("ACCEPT"), "a");
  EXPECT_EQ(headers.Find("Accept-"), std::nullopt);
  headers.Set("aCCept", "c");
  EXPECT_THAT(headers.items(), ElementsAre(Pair("X-Key", "1"), Pair("aCCept", "c")));
  headers.Set("New", "n");
  EXPECT_EQ(headers.Find("new"), "n");
}

TEST(Request, FindsQueryAndPathParameters) {
  Request request;
  request.query = {{"a", "1"}, {"b", ""}, {"a", "2"}};
  request.path_parameters = {{"view", "v"}};
  EXPECT_EQ(request.Query("a"), "1");
  EXPECT_EQ(request.Query("b"), "");
  EXPECT_EQ(request.Query("A"), std::nullopt);
  EXPECT_EQ(request.PathParameter("view"), "v");
  EXPECT_DEATH((void)request.PathParameter("other"), "no parameter");
}

TEST(Answers, DetailIsJsonWhateverTheText) {
  EXPECT_EQ(DetailJson("plain"), R"({"detail": "plain"})");
  EXPECT_EQ(DetailJson("a\"b\\c\n\x01"), R"({"detail": "a\"b\\c\n\u0001"})");
  EXPECT_EQ(DetailJson("gr\xC3\xBC\xC3\x9F"), "{\"detail\": \"gr\xC3\xBC\xC3\x9F\"}");
  EXPECT_EQ(DetailJson("\xF0\x9F\x98\x80"), "{\"detail\": \"\xF0\x9F\x98\x80\"}");
  for (const std::string_view bad :
       {"\x80", "\xFF", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xE0\x80\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF8\x88\x80\x80"}) {
    const std::string json = DetailJson(bad);
    EXPECT_NE(json.find("\xEF\xBF\xBD"), std::string::npos);
    EXPECT_EQ(json.find(bad), std::string::npos);
  }
}

TEST(Answers, CodesMapToStatuses) {
  EXPECT_EQ(HttpStatus(Code::kNotFound), 404);
  EXPECT_EQ(HttpStatus(Code::kUnavailable), 503);
  EXPECT_EQ(HttpStatus(Code::kResourceExhausted), 429);
  EXPECT_EQ(HttpStatus(Code::kDataLoss), 500);
  EXPECT_EQ(HttpStatusOfBodyFailure(Code::kResourceExhausted), 413);
  EXPECT_EQ(HttpStatusOfBodyFailure(Code::kDeadlineExceeded), 408);
  EXPECT_EQ(HttpStatusOfBodyFailure(Code::kInvalidArgument), 400);
}

}  // namespace
}  // namespace fustor::http
