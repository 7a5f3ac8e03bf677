// search_request.h: which entries a gRPC request is about, as predicates.h reads it over HTTP.
//
// Pure.
#pragma once

#include "base/result.h"
#include "lib/tree/search.h"

namespace fustor::v1 {
class SearchRequest;
}

namespace fustor::fusion {

// Everything of the request that is a predicate. Errors: kInvalidArgument, beginning with the
// field's name.
Status ReadSearchRequest(const v1::SearchRequest& request, tree::SearchQuery* query);

}  // namespace fustor::fusion
