// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

func images(t testing.TB, mode config.SanitizeMode) func() *Filter {
	t.Helper()
	cfg := config.Sanitizer{ImageLinks: &config.ImageLinks{Mode: mode, AllowedHosts: []string{"*.cdn.example", "ok.example"}}}
	return mustPolicy(t, cfg).Answer(nil).Filter
}

func TestURLsThatLeadElsewhere(t *testing.T) {
	for name, test := range map[string]struct {
		url  string
		want judgement
	}{
		"an allowed host":                        {"https://ok.example/a.png?b=c", harmless},
		"an allowed host alone":                  {"https://ok.example", harmless},
		"in capitals":                            {"HTTPS://OK.Example/a", harmless},
		"with a dot at its end":                  {"https://ok.example./a", harmless},
		"with a port":                            {"https://ok.example:8443/a", harmless},
		"without encryption":                     {"http://ok.example/a", harmless},
		"below an allowed domain":                {"https://a.b.cdn.example?x", harmless},
		"the domain itself":                      {"https://cdn.example/", foreign},
		"that only ends alike":                   {"https://evilcdn.example/", foreign},
		"another":                                {"https://evil.example/", foreign},
		"another that begins alike":              {"https://ok.example.evil.example/", foreign},
		"behind a user":                          {"https://ok.example@evil.example/", foreign},
		"behind a user and a password":           {"https://ok.example:x@evil.example/", foreign},
		"behind a port that is none":             {"https://ok.example:evil/", foreign},
		"behind a backslash":                     {`https://evil.example\@ok.example/`, foreign},
		"before a backslash":                     {`https://ok.example\.evil.example/`, foreign},
		"with backslashes for slashes":           {`https:\\evil.example/`, foreign},
		"with one slash":                         {"https:/evil.example/", foreign},
		"without slashes":                        {"https:evil.example/", foreign},
		"with three slashes":                     {"https:///evil.example/", foreign},
		"a scheme alone":                         {"https:", foreign},
		"of the page's scheme":                   {"//evil.example/", foreign},
		"of the page's scheme, allowed":          {"//ok.example/", harmless},
		"with a backslash behind a slash":        {`/\evil.example/`, foreign},
		"with a backslash first":                 {`\\evil.example/`, foreign},
		"an escaped letter":                      {"https://%65vil.example/", foreign},
		"an escaped dot of an allowed one":       {"https://ok%2eexample/", foreign},
		"an entity for a colon":                  {"https&colon;//evil.example/", foreign},
		"an entity for a slash":                  {"/&sol;evil.example/", foreign},
		"a tab in the scheme":                    {"ht\ttps://evil.example/", foreign},
		"a line break between slashes":           {"/\n/evil.example/", foreign},
		"a space of no width in the scheme":      {"ht\u200btps://evil.example/", foreign},
		"a soft hyphen in the scheme":            {"h\u00adttps://evil.example/", foreign},
		"a byte order mark before it":            {"\uFEFFhttps://evil.example/", foreign},
		"a fullwidth host":                       {"https://ｏｋ.example/", foreign},
		"a name that looks alike":                {"https://оk.example/", foreign},
		"punycode":                               {"https://xn--k-5sb.example/", foreign},
		"an address":                             {"http://203.0.113.7/", foreign},
		"an address as a number":                 {"http://3405803783/", foreign},
		"an address in brackets":                 {"http://[2001:db8::1]/", foreign},
		"no host":                                {"https://", foreign},
		"a dot for a host":                       {"https://./", foreign},
		"a host without end":                     {"https://" + strings.Repeat("a", 400), foreign},
		"another scheme":                         {"ftp://ok.example/", foreign},
		"a script":                               {"javascript:alert(1)", foreign},
		"data":                                   {"data:image/png;base64,AAAA", harmless},
		"what is attached":                       {"cid:part1@mail.example", harmless},
		"what stands for an image that was":      {"about:blank", harmless},
		"a path":                                 {"/img/a.png", harmless},
		"a relative path":                        {"img/a.png", harmless},
		"a relative path from above":             {"../a.png", harmless},
		"a file":                                 {"a.png", harmless},
		"a file with a space":                    {"my file.png", harmless},
		"a space before it":                      {" https://evil.example/", foreign},
		"a file in another script":               {"été.png", harmless},
		"a query":                                {"?x=https://evil.example", harmless},
		"a fragment":                             {"#//evil.example", harmless},
		"a path with a URL in it":                {"a/https://evil.example", harmless},
		"a long name":                            {strings.Repeat("a", 100), harmless},
		"nothing":                                {"", harmless},
		"a slash":                                {"/", harmless},
		"a scheme longer than any":               {strings.Repeat("a", 100) + "://evil.example", harmless},
		"a drive":                                {"c:/a.png", foreign},
		"a port without number of an allowed":    {"https://ok.example:/", harmless},
		"two ports":                              {"https://ok.example:1:2/", foreign},
		"an allowed host behind another's query": {"https://evil.example?ok.example/", foreign},
	} {
		t.Run(name, func(t *testing.T) {
			hosts := newHostSet([]string{"*.cdn.example", "ok.example"})
			var d destination
			got := undecided
			for i := 0; i < len(test.url) && got == undecided; i++ {
				got = d.add(test.url[i], hosts)
			}
			if got == undecided {
				got = d.end(hosts)
			}
			if got != test.want {
				t.Errorf("%q is %d, want %d", test.url, got, test.want)
			}
			if len(d.held) > maxAuthority+16 {
				t.Errorf("%d bytes are held back", len(d.held))
			}
		})
	}
}

func TestImagesInMarkdown(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"an image":                                   {"a ![b](https://evil.example/c?d=e) f", "a ![b](about:blank) f"},
		"an allowed one":                             {"a ![b](https://ok.example/c) d", "="},
		"one beside the page":                        {"![b](c.png)", "="},
		"one with a title":                           {`![b](https://evil.example/c "d") e`, `![b](about:blank "d") e`},
		"one in angle brackets":                      {"![b](<https://evil.example/c d>) e", "![b](<about:blank>) e"},
		"one on the next line":                       {"![b](\n  https://evil.example/c\n)", "![b](\n  about:blank\n)"},
		"one that is not closed":                     {"![b](https://evil.example/c", "![b](about:blank"},
		"one that ends with its host":                {"![b](https://evil.example", "![b](about:blank"},
		"an allowed one that ends with its host":     {"![b](https://ok.example", "="},
		"one without a text":                         {"![](https://evil.example/c)", "![](about:blank)"},
		"one without a URL":                          {"![b]()", "="},
		"a link":                                     {"[b](https://evil.example/c)", "="},
		"a link behind an image":                     {"![b](c.png) [d](https://evil.example/e)", "="},
		"a link around an image":                     {"[![b](https://evil.example/c)](https://evil.example/d)", "[![b](about:blank)](https://evil.example/d)"},
		"a bang before a link":                       {"Oh! [b](https://evil.example/c)", "="},
		"two bangs":                                  {"!![b](https://evil.example/c)", "!![b](about:blank)"},
		"brackets in the text":                       {"![a [b] c](https://evil.example/d)", "![a [b] c](about:blank)"},
		"a link in the text":                         {"![a [b](c) d](https://evil.example/e)", "![a [b](c) d](about:blank)"},
		"an image in the text":                       {"![a ![b](c) d](https://evil.example/e)", "![a ![b](c) d](about:blank)"},
		"code in the text":                           {"![a `](b)` c](https://evil.example/d)", "![a `](b)` c](about:blank)"},
		"an escaped bracket in the text":             {`![a \](b) c](https://evil.example/d)`, `![a \](b) c](about:blank)`},
		"an image in a destination that is none":     {"![a](b![c](https://evil.example/d) ", "![a](b![c](about:blank) "},
		"an image behind a slash of one":             {"![a](b/![c](https://evil.example/d) ", "![a](b/![c](about:blank) "},
		"an image behind a slash that is first":      {"![a](/![c](https://evil.example/d) ", "![a](/![c](about:blank) "},
		"an image of the page's scheme in one":       {"![a](b![c](//evil.example/d) ", "![a](b![c](about:blank) "},
		"an image in angle brackets that do not end": {"![a](<b ![c](https://evil.example/d)", "![a](<b ![c](about:blank)"},
		"a definition behind slashes":                {"[r]://![x](https://evil.example/y)", "[r]://![x](about:blank)"},
		"a definition at an address":                 {"[r]: https://[2001:db8::1]/x\n\n![r] a", "[r]: https://[2001:db8::1]/x\n\n![r](about:blank) a"},
		"an image in a title":                        {`![a](b "![c](https://evil.example/d)`, `![a](b "![c](about:blank)`},
		"a bracket behind a title":                   {`![a](b "c" ](https://evil.example/d)`, `![a](b "c" ](about:blank)`},
		"a paragraph ends the text":                  {"![a `b\n\n[c](https://evil.example/d)", "="},
		"a line does not":                            {"![a `b\n[c](https://evil.example/d)", "![a `b\n[c](about:blank)"},
		"parentheses in the URL":                     {"![a](https://evil.example/b(c)d) e", "![a](about:blank)d) e"},
		"a reference":                                {"![a][b]\n\n[b]: https://evil.example/c", "![a][b]\n\n[b]: about:blank"},
		"a reference by its text":                    {"![b]\n\n[b]: <https://evil.example/c>", "![b]\n\n[b]: <about:blank>"},
		"a reference by nothing":                     {"![b][]\n\n[b]:\n  https://evil.example/c 'd'", "![b][]\n\n[b]:\n  about:blank 'd'"},
		"a definition before":                        {"[b]: https://evil.example/c\n\n![a][b]", "[b]: https://evil.example/c\n\n![a](about:blank)[b](about:blank)"},
		"a definition before a reference at the end": {"[b]: https://evil.example/c\n\n![b]", "[b]: https://evil.example/c\n\n![b](about:blank)"},
		"an allowed definition":                      {"![b]\n\n[b]: https://ok.example/c", "="},
		"a definition of a link":                     {"[a][b]\n\n[b]: https://evil.example/c", "="},
		"a definition with a quote before":           {"> [b]: https://evil.example/c\n\n![b].", "> [b]: https://evil.example/c\n\n![b](about:blank)."},
		"a definition, and an image of its own":      {"[b]: https://evil.example/c\n\n![a](d.png)", "="},
		"a definition that is an image":              {"[b]: ![c](https://evil.example/d)", "[b]: ![c](about:blank)"},
		"a definition in a definition":               {"![b] [a]: x]: https://evil.example/c", "![b] [a]: x]: about:blank"},
		"a note":                                     {"[1]: see below, and ![a](b.png)", "="},
		"a colon behind an image":                    {"![b]: https://evil.example/c", "![b]: about:blank"},
		"characters split anywhere":                  {"日本![本](https://evil.example/日)本", "日本![本](about:blank)本"},
		"no images":                                  {prose, "="},
	} {
		t.Run(name, func(t *testing.T) {
			wantImages(t, test.text, test.want)
		})
	}
}

// wantImages checks what becomes of a text in every mode; "=" is the text itself.
func wantImages(t *testing.T, text, want string) {
	t.Helper()
	if want == "=" {
		want = text
	}
	if got := wantSameInPieces(t, images(t, config.SanitizeRedact), text); got.text != want {
		t.Errorf("%q, want %q", got.text, want)
	}
	flagged := wantSameInPieces(t, images(t, config.SanitizeFlag), text)
	if flagged.text != text || flagged.found.Has(exchange.FoundImageLink) != (want != text) {
		t.Errorf("flagged: %+v", flagged)
	}
	blocked := wantSameInPieces(t, images(t, config.SanitizeBlock), text)
	if (blocked.block == "image_link") != (want != text) || !strings.HasPrefix(text, blocked.text) {
		t.Errorf("blocked: %+v", blocked)
	}
	if want != text && strings.Contains(blocked.text, "//evil.example") && strings.HasPrefix(text, "!") {
		t.Errorf("blocked: %q holds the URL", blocked.text)
	}
}

func TestImagesInHTML(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"an image":                            {`a <img src="https://evil.example/b?c=d"> e`, `a <img src="about:blank"> e`},
		"an allowed one":                      {`a <img src="https://ok.example/b"> c`, "="},
		"one beside the page":                 {`<img src="a.png" alt="b">`, "="},
		"one in capitals":                     {`<IMG SRC='HTTPS://EVIL.example/b'>`, `<IMG SRC='about:blank'>`},
		"one without quotes":                  {`<img src=https://evil.example/b alt=c>`, `<img src=about:blank alt=c>`},
		"one with spaces":                     {"<img\n src = \" https://evil.example/b\" >", "<img\n src = \" about:blank\" >"},
		"one with slashes for spaces":         {`<img/src="https://evil.example/b"/>`, `<img/src="about:blank"/>`},
		"one behind another attribute":        {`<img alt="a > b" src="https://evil.example/c">`, `<img alt="a > b" src="about:blank">`},
		"one behind a tag in an attribute":    {`<img alt="<img x='" src=https://evil.example/b a='">`, `<img alt="<img x='" src=about:blank a='">`},
		"one behind an attribute without end": {`<img alt=" <img src=https://evil.example/b>`, `<img alt=" <img src=about:blank>`},
		"one behind a quote without a space":  {`<img alt="a"src="https://evil.example/b">`, `<img alt="a"src="about:blank">`},
		"one that does not end":               {`<img src="https://evil.example/b`, `<img src="about:blank`},
		"tabs in a URL":                       {"<img src=\"ht\ttps://evil.example/b\">", "<img src=\"about:blank\">"},
		"an entity in a URL":                  {`<img src="https:&#47;/evil.example/b">`, `<img src="about:blank">`},
		"several images by size":              {`<img srcset="a.png 1x, https://evil.example/b 2x,c.png 3x">`, `<img srcset="a.png 1x, about:blank 2x,c.png 3x">`},
		"several sources":                     {`<picture><source srcset="https://evil.example/a"><img src="b.png"></picture>`, `<picture><source srcset="about:blank"><img src="b.png"></picture>`},
		"a film's image":                      {`<video poster=//evil.example/a src="b.mp4">`, `<video poster=about:blank src="b.mp4">`},
		"an image in a drawing":               {`<svg><image xlink:href="https://evil.example/a"/></svg>`, `<svg><image xlink:href="about:blank"/></svg>`},
		"an embedded thing":                   {`<object data="https://evil.example/a"></object>`, `<object data="about:blank"></object>`},
		"a button":                            {`<input type=image src=https://evil.example/a>`, `<input type=image src=about:blank>`},
		"a link":                              {`<a href="https://evil.example/a">b</a>`, "="},
		"a link behind an image":              {`<img src="a.png"><a href="https://evil.example/b">c</a>`, "="},
		"a script is no image":                {`<script src="https://evil.example/a"></script>`, "="},
		"an attribute that sounds alike":      {`<img data-src="https://evil.example/a" src="b.png">`, "="},
		"a tag that sounds alike":             {`<imgs src="https://evil.example/a">`, "="},
		"a comparison":                        {`a <b and src=https://evil.example/`, "="},
		"no tag":                              {`1 < 2, src="https://evil.example/"`, "="},
		"an empty source":                     {`<img src="" alt="">`, "="},
		"no value":                            {`<img src>`, "="},
		"no value, but an equals sign":        {`<img src= >`, "="},
		"a value that is cut":                 {`<img src="a.png`, "="},
		"two brackets":                        {`<<img src=https://evil.example/a>`, `<<img src=about:blank>`},
		"data":                                {`<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="> <p title="src=https://evil.example">`, "="},
		"an image in Markdown behind a tag":   {"<img alt=\"\n\n![a](https://evil.example/b)", "<img alt=\"\n\n![a](about:blank)"},
	} {
		t.Run(name, func(t *testing.T) {
			wantImages(t, test.text, test.want)
		})
	}
}

func TestImagesInPieces(t *testing.T) {
	parts := []string{"![", "](", ")", "]", "[", ":", "!", "<", ">", "<img ", "src", "=", `"`, "'", "`", `\`, "(", " ", "\n", "\n\n", "a", "https://evil.example/q", "//evil.example",
		"https://ok.example/", "/", "srcset=", ",", "é", "\xff", "data:", "[r]:", "&"}
	rng := rand.New(rand.NewPCG(4, 4))
	for range 3000 {
		var text strings.Builder
		for range rng.IntN(20) {
			text.WriteString(parts[rng.IntN(len(parts))])
		}
		got := wantSameInPieces(t, images(t, config.SanitizeRedact), text.String())
		wantSameInPieces(t, images(t, config.SanitizeBlock), text.String())
		if again := whole(images(t, config.SanitizeRedact)(), got.text); again.text != got.text && !strings.Contains(got.text, "]") {
			t.Fatalf("%q becomes %q, and that %q", text.String(), got.text, again.text)
		}
	}
}

// What is plainly an image is found whatever stands before it.
func TestNothingBeforeAnImageHidesIt(t *testing.T) {
	parts := []string{"![", "](", ")", "]", "[", ":", "!", "<", ">", "<img ", "src", "=", `"`, "'", "`", `\`, "(", " ", "\n", "a", "//", "/", "srcset=", ",", "data:", "[r]:", "alt="}
	rng := rand.New(rand.NewPCG(6, 6))
	for range 5000 {
		var before strings.Builder
		for range rng.IntN(8) {
			before.WriteString(parts[rng.IntN(len(parts))])
		}
		for _, image := range []string{"![x](https://evil.example/y) ", `<img src="https://evil.example/y">`} {
			text := before.String() + image
			if got := whole(images(t, config.SanitizeFlag)(), text); !got.found.Has(exchange.FoundImageLink) {
				t.Fatalf("not found in %q", text)
			}
		}
	}
}
