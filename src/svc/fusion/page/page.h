// page.h: the web page, which shows people what the HTTP interface answers.
//
// The files of web/ are part of the program. They hold nothing of any view and need no key: the
// page asks for the key, and asks the interface as every client does. Thread-safe.
#pragma once

#include <span>
#include <string_view>

#include "lib/http/http.h"

namespace fustor::fusion {

struct PageFile {
  std::string_view name;  // "main.js": no folders.
  std::string_view tag;   // Of the content: another content has another tag.
  std::string_view content;
};

// In the order of their names.
std::span<const PageFile> PageFiles();

// GET / leads to /ui/, GET /ui/ answers index.html, GET /ui/{file} the others: with an ETag (and
// 304 for who has it), and with a policy that lets the page load from and talk to this server
// alone.
void AddPageRoutes(http::Router& router);

}  // namespace fustor::fusion
