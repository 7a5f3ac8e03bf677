#include "svc/fusion/page/page.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "lib/http/answers.h"
#include "lib/http/text.h"

namespace fustor::fusion {
namespace {

constexpr std::string_view kIndex = "index.html";

// Scripts and styles are files of ours or nothing; strings never become markup, whoever has named a
// file (trusted types); no other site may show the page in a frame.
constexpr char kPolicy[] =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

std::string_view ContentType(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  return "image/svg+xml";
}

// Weak, since the server may compress what it names.
std::string EntityTag(const PageFile& file) { return "W/\"" + std::string(file.tag) + "\""; }

// Whether one of the tags of an If-None-Match is `tag`, but for being weak.
bool Matches(std::string_view if_none_match, std::string_view tag) {
  while (!if_none_match.empty()) {
    const std::size_t comma = std::min(if_none_match.find(','), if_none_match.size());
    std::string_view one = http::Trim(if_none_match.substr(0, comma));
    if_none_match.remove_prefix(std::min(comma + 1, if_none_match.size()));
    if (one == "*") return true;
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one.size() == tag.size() + 2 && one.front() == '"' && one.back() == '"' &&
        one.substr(1, tag.size()) == tag) {
      return true;
    }
  }
  return false;
}

// The file is asked for again each time, and sent when it has changed: a new program, a new page.
http::Headers FileHeaders(const PageFile& file) {
  http::Headers headers;
  headers.Add("Content-Type", std::string(ContentType(file.name)));
  headers.Add("ETag", EntityTag(file));
  headers.Add("Cache-Control", "no-cache");
  headers.Add("Content-Security-Policy", kPolicy);
  headers.Add("X-Content-Type-Options", "nosniff");
  headers.Add("Referrer-Policy", "no-referrer");
  headers.Add("Cross-Origin-Opener-Policy", "same-origin");
  headers.Add("Cross-Origin-Resource-Policy", "same-origin");
  return headers;
}

env::Task<void> AnswerFile(const PageFile& file, http::Request& request,
                           http::ResponseWriter& writer) {
  http::Headers headers = FileHeaders(file);
  if (const auto known = request.headers.Find("If-None-Match");
      known && Matches(*known, file.tag)) {
    (void)co_await writer.Send(304, std::move(headers), "");
    co_return;
  }
  (void)co_await writer.Send(200, std::move(headers), std::string(file.content));
}

// Relative, so that the page may lie deeper behind a proxy. Browsers keep the fragment.
env::Task<void> LeadToPage(http::ResponseWriter& writer) {
  http::Headers headers;
  headers.Add("Location", "ui/");
  headers.Add("Cache-Control", "no-cache");
  (void)co_await writer.Send(302, std::move(headers), "");
}

const PageFile* FindFile(std::string_view name) {
  const std::span<const PageFile> files = PageFiles();
  const auto found = std::ranges::find(files, name, &PageFile::name);
  return found == files.end() ? nullptr : &*found;
}

env::Task<void> AnswerIndex(http::Request& request, http::ResponseWriter& writer) {
  // What the page names is relative to "/ui/".
  if (request.path.ends_with('/')) return AnswerFile(*FindFile(kIndex), request, writer);
  return LeadToPage(writer);
}

env::Task<void> AnswerNamed(http::Request& request, http::ResponseWriter& writer) {
  const PageFile* const file = FindFile(request.PathParameter("file"));
  if (file != nullptr && !request.path.ends_with('/'))
    co_await AnswerFile(*file, request, writer);
  else
    (void)co_await http::SendDetail(writer, 404, "The page has no such file");
}

}  // namespace

void AddPageRoutes(http::Router& router) {
  FUSTOR_CHECK(FindFile(kIndex) != nullptr, "the page has no index.html");
  router.Add("GET", "/",
             [](http::Request&, http::ResponseWriter& writer) { return LeadToPage(writer); });
  router.Add("GET", "/ui", &AnswerIndex);
  router.Add("GET", "/ui/{file}", &AnswerNamed);
}

}  // namespace fustor::fusion
