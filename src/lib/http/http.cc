#include "lib/http/http.h"
namespace fustor::http {}
