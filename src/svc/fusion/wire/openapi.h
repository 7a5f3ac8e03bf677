// openapi.h: the description of the HTTP interface for programs: GET /openapi.json, OpenAPI 3.1.
//
// The text is api/openapi/fusion.json, written by hand and built in. A test of apps/fusion holds it
// against the routes that a Fusion serves, and a test of processes against what it answers.
#pragma once

#include <string_view>

#include "lib/http/http.h"

namespace fustor::fusion {

// Constant. Defined by what CMakeLists.txt makes of that file.
std::string_view OpenApiText();

// Adds GET /openapi.json, without a key. It describes the management routes too, also where they
// are not served.
void AddOpenApiRoute(http::Router& router);

}  // namespace fustor::fusion
