#include "schema/graph/parser.h"

#include <gtest/gtest.h>

#include "test/unit/schema/graph/generate.h"

namespace weir::graph {
namespace {

// Every operator with its parentheses, so that grouping shows.
std::string grouped(const Ast& ast, uint32_t node) {
  const Ast::Node& n = ast.nodes[node];
  if (n.kind == Ast::Kind::kCommand) return "<" + n.text + ">";
  if (n.kind == Ast::Kind::kStdin) return "-";
  if (!is_operator(n.kind)) return n.text;
  const std::string op = n.kind == Ast::Kind::kSequence ? " ; " : " || ";
  return "(" + grouped(ast, n.left) + op + grouped(ast, n.right) + ")";
}

// What parse says, rendered as for a file named "x".
std::string errors_of(std::string_view text, bool commands_only = false) {
  Problems problems;
  const auto ast = parse(text, {.commands_only = commands_only}, problems);
  EXPECT_EQ(ast.has_value(), problems.empty());
  Diagnostics diagnostics;
  for (const Problem& problem : problems.all()) {
    diagnostics.push_back(
        diagnostic_at({"x", text}, problem.place.offset, problem.message, problem.hint));
  }
  tidy(diagnostics);
  return render(diagnostics);
}

TEST(Parser, GroupsByPrecedenceAndParentheses) {
  const struct {
    std::string_view text;
    std::string_view tree;
    std::string_view printed;
  } kCases[] = {
      {"a", "a", "a"},
      {"((a))", "a", "a"},
      {"a;b", "(a ; b)", "a ; b"},
      {"a||b", "(a || b)", "a || b"},
      {"a ; b ; c", "((a ; b) ; c)", "a ; b ; c"},
      {"a || b || c", "((a || b) || c)", "a || b || c"},
      {"a ; b || c ; d", "(((a ; b) || c) ; d)", "a ; b || c ; d"},
      {"((a ; b) || c) ; d", "(((a ; b) || c) ; d)", "a ; b || c ; d"},
      {"a ; (b || c) ; d", "((a ; (b || c)) ; d)", "a ; (b || c) ; d"},
      {"numgen ; filter2 ; (printer2 || (filter3 ; printer6))",
       "((numgen ; filter2) ; (printer2 || (filter3 ; printer6)))",
       "numgen ; filter2 ; (printer2 || (filter3 ; printer6))"},
      {" a\n\t; b\r\n", "(a ; b)", "a ; b"},
      {"_x-1 ; Y_2", "(_x-1 ; Y_2)", "_x-1 ; Y_2"},
      {"- ; a", "(- ; a)", "- ; a"},
      {"'wc -l' ; \"grep 'a'\"", "(<wc -l> ; <grep 'a'>)", "'wc -l' ; \"grep 'a'\""},
      {R"('a \' b \\ c \n "d"')", R"(<a ' b \ c \n "d">)", R"('a \' b \\ c \\n "d"')"},
      {R"("a \" b \' c")", R"(<a " b \' c>)", R"('a " b \\\' c')"},
      {"'a | b ; c || (d'", "<a | b ; c || (d>", "'a | b ; c || (d'"},
  };
  for (const auto& c : kCases) {
    Problems problems;
    const auto ast = parse(c.text, {}, problems);
    ASSERT_TRUE(ast) << c.text << "\n" << errors_of(c.text);
    EXPECT_EQ(grouped(*ast, ast->root()), c.tree) << c.text;
    EXPECT_EQ(print(*ast), c.printed) << c.text;
    EXPECT_EQ(parse(print(*ast), {}, problems), ast) << c.text;
  }
}

TEST(Parser, SaysWhatIsWrong) {
  const struct {
    std::string_view text;
    std::string_view errors;
  } kCases[] = {
      {"",
       "x:1:1: error: the expression is empty\n\n^\nhint: for example: gen ; (print || count)\n"},
      {"a ;", "x:1:3: error: a node is missing after ';'\na ;\n  ^\n"},
      {"|| a", "x:1:1: error: a node is missing before '||'\n|| a\n^\n"},
      {"a ; ; b",
       "x:1:5: error: a node is missing before ';'\na ; ; b\n    ^\n"
       "hint: two operators stand side by side: keep one of them\n"},
      {"a b",
       "x:1:3: error: an operator is missing before 'b'\na b\n  ^\n"
       "hint: put ';' (one after the other) or '||' (side by side) between two nodes\n"},
      {"a 'b'",
       "x:1:3: error: an operator is missing before this command\na 'b'\n  ^\n"
       "hint: put ';' (one after the other) or '||' (side by side) between two nodes\n"},
      {"a (b)",
       "x:1:3: error: an operator is missing before '('\na (b)\n  ^\n"
       "hint: put ';' (one after the other) or '||' (side by side) between two nodes\n"},
      {"(a", "x:1:1: error: '(' is never closed\n(a\n^\nhint: add a ')'\n"},
      {"a)",
       "x:1:2: error: ')' without '('\na)\n ^\nhint: remove it, or open the parenthesis before\n"},
      {"()", "x:1:1: error: the parentheses are empty\n()\n^\n"},
      {"(a ;) ; b", "x:1:4: error: a node is missing after ';'\n(a ;) ; b\n   ^\n"},
      {"a | b",
       "x:1:3: error: '|' is not an operator\na | b\n  ^\n"
       "hint: '||' runs nodes side by side, ';' one after the other; a shell pipe goes inside "
       "quotes: 'a | b'\n"},
      {"a ||| b",
       "x:1:3: error: '|||' is not an operator\na ||| b\n  ^\n"
       "hint: '||' runs nodes side by side, ';' one after the other; a shell pipe goes inside "
       "quotes: 'a | b'\n"},
      {"a + b",
       "x:1:3: error: '+' cannot stand here\na + b\n  ^\n"
       "hint: '+' is not an operator here: use '||'\n"},
      {"a ; ./run.sh",
       "x:1:5: error: '.' cannot stand here\na ; ./run.sh\n    ^\n"
       "hint: names have letters, digits, _ and -; a command goes in quotes: './run.sh'\n"},
      {"a ; 2nd",
       "x:1:5: error: '2nd' is not a name\na ; 2nd\n    ^\n"
       "hint: a name begins with a letter or _; a command goes in quotes\n"},
      {"a ; 'b",
       "x:1:5: error: this quote is never closed\na ; 'b\n    ^\n"
       "hint: end the command with '; inside it, \\' stands for the quote itself\n"},
      {"''",
       "x:1:1: error: the command is empty\n''\n^\n"
       "hint: put a shell command between the quotes\n"},
      {"ä ; b",
       "x:1:1: error: 'ä' cannot stand here\nä ; b\n^\n"
       "hint: names have letters, digits, _ and -; operators are ';' and '||'\n"},
      // Columns count characters; a tab stays a tab above the caret.
      {"'é' ;\t'日本' $",
       "x:1:12: error: '$' cannot stand here\n'é' ;\t'日本' $\n     \t     ^\n"
       "hint: names have letters, digits, _ and -; operators are ';' and '||'\n"},
      {"a ;\nb c",
       "x:2:3: error: an operator is missing before 'c'\nb c\n  ^\n"
       "hint: put ';' (one after the other) or '||' (side by side) between two nodes\n"},
      {std::string_view("a ; \xFF", 5),
       "x:1:5: error: this byte is not valid UTF-8\na ; \xEF\xBF\xBD\n    ^\n"
       "hint: save the text as UTF-8\n"},
      // All at once, and no error that follows from another.
      {"(a | b ; ; $ ; (c",
       "x:1:1: error: '(' is never closed\n(a | b ; ; $ ; (c\n^\nhint: add a ')'\n"
       "x:1:4: error: '|' is not an operator\n(a | b ; ; $ ; (c\n   ^\n"
       "hint: '||' runs nodes side by side, ';' one after the other; a shell pipe goes inside "
       "quotes: 'a | b'\n"
       "x:1:10: error: a node is missing before ';'\n(a | b ; ; $ ; (c\n         ^\n"
       "hint: two operators stand side by side: keep one of them\n"
       "x:1:12: error: '$' cannot stand here\n(a | b ; ; $ ; (c\n           ^\n"
       "hint: names have letters, digits, _ and -; operators are ';' and '||'\n"
       "x:1:16: error: '(' is never closed\n(a | b ; ; $ ; (c\n               ^\n"
       "hint: add a ')'\n"},
  };
  for (const auto& c : kCases) EXPECT_EQ(errors_of(c.text), c.errors) << c.text;
}

TEST(Parser, BareWordsWhereOnlyCommandsStand) {
  EXPECT_EQ(errors_of("seq 1 10 ; 'wc -l'", true),
            "x:1:1: error: 'seq 1 10' is not in quotes\nseq 1 10 ; 'wc -l'\n^\n"
            "hint: every node is a command in quotes: 'seq 1 10'\n");
  EXPECT_EQ(errors_of("'a' ; awk '{print}' || (b)", true),
            "x:1:7: error: 'awk '{print}'' is not in quotes\n'a' ; awk '{print}' || (b)\n"
            "      ^\nhint: every node is a command in quotes: \"awk '{print}'\"\n"
            "x:1:25: error: 'b' is not in quotes\n'a' ; awk '{print}' || (b)\n"
            "                        ^\nhint: every node is a command in quotes: 'b'\n");
  EXPECT_EQ(errors_of("- ; 'wc -l'", true), "");
}

TEST(Parser, RefusesWhatIsOverItsLimits) {
  EXPECT_NE(errors_of(std::string(kExpressionBytesMax + 1, ' ')).find("262145 bytes"),
            std::string::npos);
  const std::string open(kNestingMax, '(');
  const std::string close(kNestingMax, ')');
  EXPECT_EQ(errors_of(open + "a" + close), "");
  EXPECT_NE(errors_of("(" + open + "a" + close + ")").find("nested too deeply"), std::string::npos);
  EXPECT_NE(errors_of("a ; " + std::string(64, 'b')).find("this name has 64 characters"),
            std::string::npos);
  EXPECT_NE(errors_of(std::string(1000, '|') + std::string(1000, '$')).find("'|||"),
            std::string::npos);
}

TEST(Parser, LongChainsNeedNoStack) {
  std::string text = "a";
  while (text.size() + 4 < kExpressionBytesMax) text += " ; a";
  Problems problems;
  const auto ast = parse(text, {}, problems);
  ASSERT_TRUE(ast);
  EXPECT_EQ(print(*ast), text);
}

TEST(Parser, ManyProblemsAreCut) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "$ ; ";
  const std::string errors = errors_of(text);
  EXPECT_NE(errors.find("too many problems; the first 50 are shown"), std::string::npos);
  EXPECT_LT(errors.size(), 100'000u);
}

TEST(Parser, PrintAndParseAreInverse) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    const Ast ast = test::AstGenerator(seed).make(20);
    Problems problems;
    const auto again = parse(print(ast), {}, problems);
    ASSERT_TRUE(again) << "seed " << seed << ": " << print(ast) << "\n" << errors_of(print(ast));
    ASSERT_EQ(*again, ast) << "seed " << seed << ": " << print(ast);
  }
}

}  // namespace
}  // namespace weir::graph
