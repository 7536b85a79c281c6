// SPDX-License-Identifier: Apache-2.0
//
// Boost.Asio's own functions, compiled once here instead of in every file that waits
// (BOOST_ASIO_SEPARATE_COMPILATION, set for all users of net).
#include <boost/asio/impl/src.hpp>
