#include <gtest/gtest.h>

#include "schema/config/toml_document.h"
#include "schema/config/toml_scan.h"
#include "schema/config/units.h"

namespace weir::config {
namespace {

std::string error_of(std::string_view text) {
  const auto parsed = parse_toml({"t", text});
  EXPECT_EQ(parsed.value.has_value(), parsed.diagnostics.empty());
  return graph::render(parsed.diagnostics);
}

std::string repeat(std::string_view piece, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += piece;
  return out;
}

TEST(Toml, KeepsPositionsAndOrder) {
  const auto parsed = parse_toml({"t", "b = 'x'\n[t]\na = [1, true]\n"});
  ASSERT_TRUE(parsed);
  const TomlValue& root = *parsed.value;
  ASSERT_EQ(root.items.size(), 2u);
  EXPECT_EQ(root.items[0].key, "b");
  EXPECT_EQ(root.items[0].at, (Position{1, 5}));
  EXPECT_EQ(root.items[1].key_at, (Position{2, 2}));
  const TomlValue* const array = root.items[1].find("a");
  ASSERT_NE(array, nullptr);
  EXPECT_EQ(array->items[1].at, (Position{3, 9}));
  EXPECT_TRUE(array->items[1].boolean);
  EXPECT_EQ(root.find("c"), nullptr);
}

TEST(Toml, SaysWhereTheSyntaxIsWrong) {
  EXPECT_NE(error_of("a = 1\nb = = 2\n").find("t:2:5: error: not valid TOML: "), std::string::npos);
  EXPECT_NE(error_of("a = 1\na = 2\n").find("t:2:"), std::string::npos);
  EXPECT_NE(error_of("a = \"\xFF\"").find("t:1:6: error: this byte is not valid UTF-8"),
            std::string::npos);
}

// toml++ 3.3.0 overflows the stack on these.
TEST(Toml, SurvivesHostileText) {
  for (const std::string& text : {
           "[" + repeat("a.", 60'000) + "a]",
           repeat("a.", 60'000) + "a = 1",
           "x = { " + repeat("a.", 60'000) + "a = 1 }",
           repeat("\"a\" . ", 40'000) + "a = 1",
           "x = " + repeat("[", 100'000),
           "x = " + repeat("{a=", 60'000),
           "x = '''\n'''\n" + repeat("'a'.", 60'000) + "a = 1",
           "x = \"\\\"\"\n" + repeat("a.", 60'000) + "a = 1",
           "x = \"\"\"a\"\"\"\"\"\n" + repeat("a.", 60'000) + "a = 1",
           "# \"\n" + repeat("a.", 60'000) + "a = 1",
           std::string(kTomlBytesMax + 1, '\n'),
       }) {
    EXPECT_NE(error_of(text), "") << text.substr(0, 40);
  }
  EXPECT_EQ(error_of("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p = 1"), "");
  EXPECT_NE(error_of("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q = 1"), "");
  EXPECT_EQ(error_of("x = '" + repeat("a.", 1000) + "' # " + repeat("a.", 1000)), "");
  EXPECT_NE(error_of("x = " + repeat("[", 40) + repeat("]", 40)).find("nested too deeply"),
            std::string::npos);
}

TEST(Toml, ManyTinyProblemsAreQuick) {
  std::string text;
  while (text.size() < kTomlBytesMax - 20) text += "k" + std::to_string(text.size()) + "=1\n";
  EXPECT_EQ(error_of(text), "");
}

TEST(Toml, QuotesReadBack) {
  for (const std::string_view text :
       {"", "plain", "a'b", "a\"b", "a\\b", "a'b\"c\\d", "l1\nl2\t\r", "\x01\x1F\x7F", "ä日"}) {
    const std::string toml = "x = " + toml_quote(text);
    const auto parsed = parse_toml({"t", toml});
    ASSERT_TRUE(parsed) << toml;
    EXPECT_EQ(parsed.value->find("x")->string, text);
    EXPECT_EQ(string_offsets(toml, 4).size(), text.size() + 1) << toml;
  }
}

TEST(Units, Durations) {
  const struct {
    std::string_view text;
    int64_t milliseconds;
  } kGood[] = {
      {"0s", 0},      {"0ms", 0},        {"100ms", 100},     {"30s", 30'000},
      {"1m", 60'000}, {"2h", 7'200'000}, {"1d", 86'400'000}, {"36500d", 3'153'600'000'000}};
  for (const auto& c : kGood) {
    ASSERT_TRUE(parse_duration(c.text)) << c.text;
    EXPECT_EQ(parse_duration(c.text)->count(), c.milliseconds);
  }
  for (const std::string_view text :
       {"", "s", "1", "-1s", "1.5s", "1 s", " 1s", "1S", "1sec", "99999999999999999999s",
        "9223372036854775807d", "9223372036854775807ms", "36501d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  for (const int64_t count : {0, 1, 999, 1000, 1500, 60'000, 90'000, 3'600'000, 86'400'000}) {
    const std::chrono::milliseconds duration(count);
    EXPECT_EQ(*parse_duration(format_duration(duration)), duration);
  }
  EXPECT_EQ(format_duration(std::chrono::milliseconds(90'000)), "90s");
}

TEST(Units, Sizes) {
  EXPECT_EQ(*parse_size("512B"), 512u);
  EXPECT_EQ(*parse_size("64KiB"), 65'536u);
  EXPECT_EQ(*parse_size("8MiB"), 8u << 20);
  for (const std::string_view text : {"", "8", "8MB", "8M", "-1B", "1.5KiB", "99999999TiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1536), "1536B");
  EXPECT_EQ(format_size(3u << 20), "3MiB");
}

}  // namespace
}  // namespace weir::config
