// The TLS half of Asio is compiled here, once; the rest is in adapters/asio.
#include <boost/asio/ssl/impl/src.hpp>
