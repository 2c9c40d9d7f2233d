// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// The keys are drawn, so that no scanner takes this file for a leak.
var (
	hex32 = hexDrawn(32)
	hex64 = hexDrawn(64)
	b62   = drawn(40)
	uuid  = hex32[:8] + "-" + hex32[8:12] + "-" + hex32[12:16] + "-" + hex32[16:20] + "-" + hex32[20:]
)

// hexDrawn gives n hexadecimal digits, always the same.
func hexDrawn(n int) string {
	r := rand.New(rand.NewPCG(11, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[r.IntN(16)]
	}
	return string(b)
}

func upperDrawn(n int) string { return strings.ToUpper(drawn(n)) }

func TestKeysWithPrefixes(t *testing.T) {
	for name, key := range map[string]string{
		"OpenAI":                  "sk-" + drawn(48),
		"OpenAI, of a project":    "sk-proj-" + drawn(74) + "T3BlbkFJ" + drawn(74),
		"Anthropic":               "sk-ant-api03-" + drawn(93) + "AA",
		"OpenRouter":              "sk-or-v1-" + hex64,
		"Spark":                   "spark-" + drawn(43),
		"Groq":                    "gsk_" + drawn(52),
		"xAI":                     "xai-" + drawn(80),
		"Perplexity":              "pplx-" + drawn(48),
		"Hugging Face":            "hf_" + drawn(34),
		"Replicate":               "r8_" + drawn(37),
		"NVIDIA":                  "nvapi-" + drawn(64),
		"Google":                  "AIza" + drawn(35),
		"Google, OAuth":           "GOCSPX-" + drawn(28),
		"AWS":                     "AKIA" + upperDrawn(16),
		"AWS, for a session":      "ASIA" + upperDrawn(16),
		"DigitalOcean":            "dop_v1_" + hex64,
		"Databricks":              "dapi" + hex32,
		"GitHub":                  "ghp_" + drawn(36),
		"GitHub, fine-grained":    "github_pat_" + drawn(22) + "_" + drawn(59),
		"GitLab":                  "glpat-" + drawn(20),
		"npm":                     "npm_" + drawn(36),
		"PyPI":                    "pypi-AgEIcHlwaS5vcmc" + drawn(60),
		"Docker Hub":              "dckr_pat_" + drawn(27),
		"Pulumi":                  "pul-" + hexDrawn(40),
		"Vault":                   "hvs." + drawn(90),
		"Doppler":                 "dp.pt." + drawn(43),
		"Tailscale":               "tskey-auth-" + drawn(20),
		"Grafana":                 "glsa_" + drawn(32) + "_" + hexDrawn(8),
		"Linear":                  "lin_api_" + drawn(40),
		"Stripe":                  "sk_live_" + drawn(24),
		"Stripe, restricted":      "rk_test_" + drawn(24),
		"Shopify":                 "shpat_" + hex32,
		"Square":                  "sq0csp-" + drawn(43),
		"Slack":                   "xoxb-" + "123412341234-" + drawn(24),
		"SendGrid":                "SG." + drawn(22) + "." + drawn(43),
		"Twilio":                  "SK" + hex32,
		"Mailgun":                 "key-" + hex32,
		"Mailchimp":               hex32 + "-us12",
		"Telegram":                "7213808860:A" + drawn(34),
		"Terraform":               drawn(14) + ".atlasv1." + drawn(67),
		"Discord":                 "M" + drawn(25) + "." + drawn(6) + "." + drawn(38),
		"a JSON web token":        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + drawn(43),
		"one without a signature": "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJuYW1lIjoiSm9lIiwic3RhdHVzIjoieCJ9",
		"one with a long header":  "eyJ" + drawn(500) + ".eyJ" + drawn(700) + "." + drawn(86),
	} {
		findings(t, APIKey, map[string]row{
			name + ", alone":               one(key, key),
			name + ", in a sentence":       one("Is "+key+" valid? It was "+key[:4]+".", key),
			name + ", at a sentence's end": one("I pasted "+key+".\n", key+long(key, ".")),
			name + ", in code":             one(`c := New("`+key+`")`, key),
			name + ", in JSON":             one(`{"x":"`+key+`","y":1}`, key),
		})
	}
}

// long gives s for a key that the window does not hold: a full stop behind it cannot be told from a part of it.
func long(key, s string) string {
	if len(key) > lookAhead {
		return s
	}
	return ""
}

func TestWhatOnlyBeginsLikeAKey(t *testing.T) {
	for name, text := range map[string]string{
		"a prefix alone":               "keys begin with sk-, ghp_ or AKIA",
		"a placeholder of x":           "ghp_" + strings.Repeat("x", 36),
		"a placeholder of capitals":    "glpat-XXXXXXXXXXX-XXXXXXXX",
		"the example of AWS":           "AKIAIOSFODNN7" + "EXAMPLE",
		"your key here":                "sk-your-api-key-here-1234567890abcdef",
		"one that is elided":           "ghp_" + drawn(36) + "...",
		"too short":                    "ghp_" + drawn(12),
		"too long":                     "AIza" + drawn(50),
		"a function":                   "hf_requiredCharacteristicTypesForDisplayMetadata",
		"a class of CSS":               "sk-fading-circle-animation-delay-one sk-chase",
		"a file":                       "video_box.ico-" + hex32 + ".png",
		"in a word":                    "xAKIA" + upperDrawn(16),
		"small letters":                "akia" + strings.ToLower(drawn(16)),
		"a digest":                     "sha256:" + hex64 + " and " + hexDrawn(40),
		"a UUID":                       "request " + uuid + " failed",
		"a name with points":           "com.example.service.v2.Handler.handleRequest",
		"a base64 picture":             "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUA",
		"an object that is no token":   "eyJhbGciOiJIUzI1NiJ9",
		"words with signs and numbers": "the-quick-brown-fox_jumps_over-13-lazy.dogs",
	} {
		findings(t, APIKey, map[string]row{name: none(text)})
	}
}

func TestValuesThatANameCallsSecret(t *testing.T) {
	findings(t, APIKey, map[string]row{
		"an environment":                  one("export X_TOKEN="+b62+"\npython app.py", b62),
		"an environment in quotes":        one("API_KEY='"+b62+"'", b62),
		"JSON":                            one(`{"api_key": "`+hex32+`", "region": "eu-west-1"}`, hex32),
		"JSON in JSON":                    one(`{"x":"{\"api_key\":\"`+hex32+`\"}"}`, hex32),
		"YAML":                            one("x:\n  secret: "+hex64+"\n  timeout: 30s", hex64),
		"code":                            one(`new Client({ token: "`+b62+`" });`, b62),
		"a call":                          one(`client.setApiKey("`+b62+`")`, b62),
		"an assignment of Go":             one(`secret := "`+b62+`"`, b62),
		"XML":                             one("<apiKey>"+b62+"</apiKey>", b62),
		"a log":                           one("auth failed key="+b62+" status=401", b62),
		"a query":                         one("GET /x?access_token="+b62+"&page=2", b62),
		"words":                           one("my beamer key is "+b62+" , is it right?", b62),
		"Markdown":                        one("**API key:** `"+b62+"`", b62),
		"a header":                        one(`-H "Authorization: Bearer `+b62+`"`, b62),
		"a header of basic":               one("Authorization: Basic dXNlcjpwYXNzdzByZA==", "dXNlcjpwYXNzdzByZA=="),
		"a UUID":                          one("client_secret="+uuid, uuid),
		"digits alone":                    one("DISCORD_TOKEN=269254939518400546", "269254939518400546"),
		"signs among the letters":         one("AccountKey="+drawn(43)+"/"+drawn(42)+"==;", drawn(43)+"/"+drawn(42)+"=="),
		"a value that is too long":        one("secret="+drawn(400)+" x", drawn(400)),
		"a password":                      one("password: hunter2!", "hunter2!"),
		"a password in JSON":              one(`{"password":"Tr0ub4dor&3"}`, "Tr0ub4dor&3"),
		"a password of an environment":    one("DB_PASSWORD=s3cr3tpw", "s3cr3tpw"),
		"a password in words":             one("and her password is Summer2024.", "Summer2024"),
		"a password after the word":       one("log in with password !PurpleSky77.", "!PurpleSky77"),
		"a password in quotes":            one("the password 'ServerPass#2024!' works", "ServerPass#2024!"),
		"a password with a bracket":       one("PASSWORD = 'Hy^ed03S)dd1w'", "Hy^ed03S)dd1w"),
		"a passphrase":                    one("passphrase=Corr3ctHorse", "Corr3ctHorse"),
		"a password of a command":         one("curl -u admin:S3cretPw https://x", "S3cretPw"),
		"a password of a command, quoted": one("curl --user 'admin:S3cret@Pw!' https://x", "S3cret@Pw!"),
		"a password of a URL":             one("postgres://app:s3cr3tpw@db.internal:5432/x", "s3cr3tpw"),
		"a password of a URL with signs":  one("redis://default:p%40ss-w0rd@cache/0", "p%40ss-w0rd"),
	})
}

func TestValuesThatAreNoSecrets(t *testing.T) {
	for name, text := range map[string]string{
		"a command without":          `curl -u test:test -u $1:$2 --user "$USER:$PASS1" -u <user:passw0rd> -u admin: x`,
		"prose":                      "The key is to listen. A token of gratitude. The secret ingredient is love.",
		"prose about passwords":      "Your password must have 12 characters. Password reset, password-protected; password (optional).",
		"a reference":                "token: ${GITHUB_TOKEN} or $TOKEN or {{ .Values.token }} or <token>",
		"a call":                     "token = getToken2FA(user) and password = os.environ['PW1']",
		"an attribute":               "secret = self.config.secret_value2",
		"a placeholder":              `api_key: "your-api-key-here-123" and API_KEY=xxxxxxxxxxxxxxxxxxxx`,
		"a redacted one":             "password: ******** token=[REDACTED] key=<redacted>",
		"a type":                     "password string, token *uint16, key [32]byte, readerPass uint32",
		"a public key's name":        "primary_key: user_id_2024_v2x8 partition_key=a1b2c3d4e5f6g7h8",
		"a short value":              "key: a1b2, token=7",
		"a number of tokens":         "max_tokens: 4096, total_tokens=1234567",
		"a path":                     "secret: /run/secrets/db1/password2",
		"a URL":                      "token_url: token: https://example.com/oauth2/v2/token",
		"a name in camel case":       "key: EncapsulationKey1024Generator",
		"a constant":                 "signature = 0x07064b50",
		"a key of a table":           "cache_key=user:profile:12345:v2",
		"a URL without a password":   "https://ann@example.org/x http://localhost:8080/a@b",
		"a URL of the documentation": "postgres://user:password@localhost/x mysql://root:${PW}@db",
		"a certificate":              "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
		"a public key":               "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
		"a rule of hyphens":          "----------------------------------------",
	} {
		findings(t, APIKey, map[string]row{name: none(text)})
	}
}

func TestPrivateKeys(t *testing.T) {
	body := strings.Repeat(drawn(64)+"\n", 25)
	block := "-----BEGIN RSA PRIVATE KEY-----\n" + body + "-----END RSA PRIVATE KEY-----"
	escaped := strings.ReplaceAll(block, "\n", `\n`)
	pgp := "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n" + body + "-----END PGP PRIVATE KEY BLOCK-----"
	endless := "-----BEGIN PRIVATE KEY-----" + strings.Repeat("A", longestBlock)
	findings(t, APIKey, map[string]row{
		"a block":                        one("Here:\n"+block+"\nThanks", block),
		"a block in JSON":                one(`{"k":"`+escaped+`"}`, escaped),
		"a block of PGP":                 one(pgp, pgp),
		"two blocks":                     {block + "\n" + block, []string{block, block}},
		"one that is not closed":         one("-----BEGIN PRIVATE KEY-----\n"+drawn(64), "-----BEGIN PRIVATE KEY-----\n"+drawn(64)),
		"one that does not end":          one(endless+" and on", endless),
		"hyphens in the block":           one("-----BEGIN PRIVATE KEY-----\n-----E\n------END PRIVATE KEY-----!", "-----BEGIN PRIVATE KEY-----\n-----E\n------END PRIVATE KEY-----"),
		"hyphens before the block":       one("-----"+block, block),
		"a marker with too many letters": none("-----BEGIN " + strings.Repeat("VERY ", 12) + "PRIVATE KEY-----"),
	})
}

func TestALongKeyIsToldAtOnce(t *testing.T) {
	s := NewStream(All)
	key := []byte("sk-ant-api03-" + drawn(2000))
	out := s.Write(nil, key[:lookAhead+1])
	if want := []byte("[API_KEY]"); !bytes.Equal(out, want) {
		t.Fatalf("%q, want %q", out, want)
	}
	out = s.Write(out, key[lookAhead+1:])
	if s.Pending() != 0 {
		t.Errorf("%d bytes of a key are held back", s.Pending())
	}
	out = s.Close(s.Write(out, []byte(" ok")))
	if want := "[API_KEY] ok"; string(out) != want {
		t.Errorf("%q, want %q", out, want)
	}
}

func TestMeasure(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		random bool
	}{
		"base 62":               {drawn(32), true},
		"hexadecimal":           {hex32, true},
		"a UUID":                {uuid, true},
		"letters of both cases": {"WyMPFqPNVwxMfvWOLBdQUcQfeRYzlfGPKi", true},
		"digits":                {"269254939518400546", true},
		"few digits":            {"26925493951", false},
		"one letter":            {strings.Repeat("a", 32), false},
		"zeros":                 {strings.Repeat("0", 32), false},
		"the alphabet":          {"abcdefghijklmnopqrstuvwxyz0123456789", false},
		"words":                 {"correct-horse-battery-staple", false},
		"words with a number":   {"my-service-production-02", false},
		"a name in camel case":  {"requiredCharacteristicTypesForDisplayMetadata", false},
		"a name with a number":  {"EncapsulationKey1024Generator", false},
		"nothing":               {"", false},
		"short":                 {"a1B2c3", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := measure([]byte(test.text)).random(); got != test.random {
				t.Errorf("%q is random: %v, want %v", test.text, got, test.random)
			}
		})
	}
}
