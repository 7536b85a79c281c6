// SPDX-License-Identifier: Apache-2.0
#include "policy/expansion_items.h"

#include <algorithm>
#include <array>

namespace policy {

namespace {

constexpr std::string_view kNoPrograms =
    "programs cannot be started from a policy; put their results into a file and look "
    "them up there";
constexpr std::string_view kNoSockets =
    "a policy opens no connections; put the data into a file or an LMDB database";
constexpr std::string_view kNotNeeded = "no feature of this program needs it";

constexpr auto kItems = std::to_array<ItemInfo>({
    {"acl", "{NAME}{ARGUMENT}...", parse_acl,
     "the message of an ACL, called with up to nine arguments"},
    {"authresults", "{HOSTNAME}", parse_call, "an Authentication-Results: header"},
    {"certextract", "", nullptr, kNotNeeded},
    {"dlfunc", "", nullptr, kNoPrograms},
    {"env", "", nullptr,
     "the environment is hidden input; use a macro, set with -D if need be"},
    {"expand", "", nullptr, "data are never expanded again"},
    {"extract", "{KEY}{DATA}{YES}{NO}", parse_extract,
     "a value by key, a field by number and separators, or a part of JSON"},
    {"filter", "{LIST}{CONDITION}", parse_filter,
     "the elements, each as $item, for which a condition holds"},
    {"hash", "{LENGTH}{LETTERS}{STRING}", parse_call, "a few letters made of a text"},
    {"hmac", "{md5|sha1}{SECRET}{STRING}", parse_call, "a keyed digest, in hex"},
    {"if", "CONDITION {YES}{NO}", parse_if, "one of two texts, as a condition says"},
    {"imapfolder", "", nullptr, kNotNeeded},
    {"length", "{NUMBER}{STRING}", parse_call, "the first bytes of a text"},
    {"listextract", "{NUMBER}{LIST}{YES}{NO}", parse_listextract,
     "an element of a list, from the end if negative"},
    {"listquote", "{SEPARATOR}{STRING}", parse_call, "a text as one element of a list"},
    {"lookup", "{KEY}TYPE{FILE}{YES}{NO}", parse_lookup,
     "what a file, a database or the DNS says about a key"},
    {"map", "{LIST}{STRING}", parse_map, "each element of a list, as $item, rewritten"},
    {"nhash", "{NUMBER}{NUMBER}{STRING}", parse_call,
     "one or two numbers made of a text"},
    {"perl", "", nullptr, kNoPrograms},
    {"prvs", "", nullptr, kNotNeeded},
    {"prvscheck", "", nullptr, kNotNeeded},
    {"readfile", "{FILE}{NEWLINE}", parse_readfile, "the contents of a file"},
    {"readsocket", "", nullptr, kNoSockets},
    {"reduce", "{LIST}{START}{STRING}", parse_reduce,
     "what a text comes to after all elements, as $item, with the last one in $value"},
    {"run", "", nullptr, kNoPrograms},
    {"sg", "{SUBJECT}{REGEX}{REPLACEMENT}", parse_sg,
     "all matches replaced; write \\$1 for a group"},
    {"sort", "{LIST}{COMPARATOR}{STRING}", parse_sort,
     "a list in the order that its elements' keys have"},
    {"srs_encode", "{SECRET}{SENDER}{DOMAIN}", parse_call,
     "a sender's address rewritten for forwarding"},
    {"substr", "{OFFSET}{LENGTH}{STRING}", parse_call, "a part of a text"},
    {"tr", "{SUBJECT}{FROM}{TO}", parse_call, "characters exchanged for others"},
});
static_assert(std::ranges::is_sorted(kItems, {}, &ItemInfo::name));

}  // namespace

std::span<const ItemInfo> items() {
  return kItems;
}

const ItemInfo* find_item(std::string_view name) {
  auto found = std::ranges::lower_bound(kItems, name, {}, &ItemInfo::name);
  return found == kItems.end() || found->name != name ? nullptr : &*found;
}

}  // namespace policy
