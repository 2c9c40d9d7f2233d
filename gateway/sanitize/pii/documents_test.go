// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// marked is a finding in a document: its kind and its text. $ and a number stand for so many drawn letters and digits, %
// and a number for hexadecimal digits.
var (
	marked = regexp.MustCompile(`\{\{(\w+)\|([^}]*)\}\}`)
	made   = regexp.MustCompile(`[$%]\d+`)
)

// documents are texts as people and models write them, all findings marked.
var documents = map[string]string{
	"a mail": `Subject: Re: Contract renewal
From: Ann Lee <{{Email|ann.lee@northwind.example}}>
To: {{Email|legal+renewals@example.com}}, "Bob (Ops)" <{{Email|bob_o@ops.example.co.uk}}>
Date: Tue, 14 Jan 2025 09:30:12 +0000

Hi Bob,

as discussed on 13 January at 10:30, the renewal costs $1,250.00 (20% less than in 2023). Please send it by 2025-02-01 and
call me on {{Phone|+44 20 7946 0958}} or my mobile, {{Phone|07700 900123}}, if anything is unclear. My assistant has the
number {{Phone|(415) 555-0132 x204}}.

Section 4.2.1 and clause 7.1.1.2 are new; see also pages 12-14.

Best,
Ann`,

	"a chat about a payment": `user: hi, I was charged twice for order 4471-2290-11! my card is {{CreditCard|4111 1111 1111 1111}} exp 04/27 cvv 123
agent: I'm sorry to hear that. Can you confirm the IBAN for the refund?
user: sure, {{IBAN|DE89 3704 0044 0532 0130 00}}. and the ssn you asked for is {{SSN|219-09-9998}}
agent: Thank you! Your ticket is #2025011400123 and the refund of 49.99 EUR takes 3-5 days.
user: the other card ({{CreditCard|378282246310005}}) was not charged, right? write to {{Email|jo@example.org}}.`,

	"a log": `2025-01-14T09:30:12.123456Z INFO  [main] c.e.Server - started in 1234 ms, version 2.14.0.3
2025-01-14T09:30:13Z WARN  request_id=7f3c2a90-1b2c-4d5e-8f90-1a2b3c4d5e6f client={{IPAddress|203.0.113.77}}:51234 status=401 bytes=1048576
2025-01-14T09:30:14Z ERROR upstream {{IPAddress|2001:db8::8a2e:370:7334}} closed; retry 1/3 in 250ms trace=4bf92f3577b34da6a3ce929d0e0e4736
2025-01-14T09:30:15Z DEBUG auth header "Authorization: Bearer {{APIKey|$40}}" user={{Email|svc-deploy@example.com}}
2025-01-14T09:30:16Z DEBUG commit 9fceb02d0ae598e95dc970b74767f19372d61af8 in 0.003s pid=20412 seq=9007199254740993
2025-01-14T09:30:17Z INFO  cache a1:b2:c3 hit ratio 12:34, mac 00:1a:2b:3c:4d:5e, net {{IPAddress|10.0.0.0/16}}`,

	"a file of an environment": `# copy to .env
APP_ENV=production
APP_URL=https://app.example.com:8443/v2
LOG_LEVEL=debug
MAX_TOKENS=4096
OPENAI_API_KEY={{APIKey|sk-proj-$90}}
ANTHROPIC_API_KEY="{{APIKey|sk-ant-api03-$95}}"
DATABASE_URL=postgres://app:{{APIKey|s3cr3t-pw}}@db.internal:5432/app?sslmode=require
REDIS_URL=redis://localhost:6379/0
SMTP_PASSWORD='{{APIKey|Gr33n!Field}}'
SESSION_SECRET={{APIKey|%64}}
GITHUB_TOKEN=${GITHUB_TOKEN}
SENTRY_DSN=
WEBHOOK_SECRET=your-webhook-secret-here
CACHE_KEY=users:v2:by-id
AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
SUPPORT_PHONE={{Phone|+1-800-555-0199}}`,

	"code": `package main

// Deprecated: use NewClientV2, see https://example.com/issues/1234567#issuecomment-987654321.
func main() {
	const timeout = 30 * time.Second // 30000 ms
	key := os.Getenv("API_KEY")
	c := client.New(key, client.WithToken(tokenFromFile("/run/secrets/token1")))
	ids := []int64{1234567890, 9876543210, 0x7fffffff, 5_000_000}
	for i := 0; i < len(ids); i++ {
		fmt.Printf("%d: %s\n", ids[i], hash[:12])
	}
	std::vector<int> v; a[::2]; m["primary_key"] = "user_id_2"
	c.SetPassword("{{APIKey|correct-Horse7}}")
	req.Header.Set("X-Api-Key", "plain")
	ip := net.ParseIP("{{IPAddress|192.0.2.1}}")
	if err := mail("{{Email|dev@example.com}}"); err != nil { panic(err) }
}`,

	"JSON": `{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","created":1736847012,"usage":{"input_tokens":2095,"output_tokens":503},
"customer":{"name":"Ann Lee","email":"{{Email|ann@example.com}}","phone":"{{Phone|4155550132}}","mobilePhone":"{{Phone|+491701234567}}",
"ssn":"{{SSN|219099998}}","card_number":"{{CreditCard|5555555555554444}}","zip":"94107","account_id":"0012345678","score":0.87654321},
"client_secret":"{{APIKey|%32}}","next_token":"eyJsYXN0IjoiMTIzIn0","ip":"{{IPAddress|198.51.100.4}}","location":[52.520008,13.404954]}`,

	"JSON within JSON": `{"arguments":"{\"to\":\"{{Email|ann@example.com}}\",\"body\":\"Call me:\n{{Phone|+1 415 555 0132}}\nThanks\",\"api_key\":\"{{APIKey|$40}}\"}"}`,

	"rows of values": `name,email,phone,card,ip,born,balance
Ann Lee,{{Email|ann@example.com}},{{Phone|415-555-0132}},{{CreditCard|4111111111111111}},{{IPAddress|203.0.113.5}},1984-02-29,1200.50
Bob Ray,{{Email|bob@example.com}},{{Phone|(212) 555-0187}},{{CreditCard|30569309025904}},{{IPAddress|2001:db8::1}},01/02/1990,"12,345.67"`,

	"Markdown": "# Access\n\n| what | value |\n|---|---|\n| **User** | `admin` |\n| **Password:** | see vault |\n| Mail | [{{Email|ops@example.com}}](mailto:{{Email|ops@example.com}}) |\n\n" +
		"- **API key:** `{{APIKey|$40}}`\n- *Token*: `<token>`\n- Host: `{{IPAddress|10.1.2.3}}:8080`\n- Version: 1.2.3.4\n\n```\nexport TOKEN={{APIKey|ghp_$36}}\n```\n\n---\n1. Step 1\n2. Step 2",

	"a vCard": `BEGIN:VCARD
VERSION:3.0
FN:Jörg Müller
TEL;TYPE=WORK,VOICE:{{Phone|+49 (0)30 1234567}}
TEL;TYPE=CELL:{{Phone|0170 1234567}}
EMAIL:{{Email|jörg@müller.example}}
ADR;TYPE=WORK:;;Hauptstr. 12;Berlin;;10115;Germany
REV:20250114T093012Z
END:VCARD`,

	"German": `Sehr geehrte Frau Müller, Ihre Rechnung 2025-0114-77 über 1.234,56 € ist am 14.01.2025 fällig. Bitte überweisen Sie auf
{{IBAN|DE89370400440532013000}}. Fragen? Telefon {{Phone|030/1234567}} (Mo-Fr 9-17 Uhr) oder {{Email|rechnung@firma.example}}.`,

	"French": `Bonjour, vous pouvez me joindre au {{Phone|06 12 34 56 78}} ou à {{Email|élise@exemple.example}} ; l'article 12-3, le 14/01/2025 à
10h30, coûte 1 234 567,89 €. Mon compte : {{IBAN|FR14 2004 1010 0505 0001 3M02 606}}.`,

	"Chinese": `请在2025年1月14日前联系我,手机{{Phone|13800138000}},邮箱{{Email|wang@example.com}}。服务器{{IPAddress|10.0.0.8}}的版本是1.2.3。`,

	"Russian": `Звоните: {{Phone|+7 912 345-67-89}}, почта {{Email|ivan@example.com}}. Заказ 12345678, сумма 10 000 рублей, 14.01.2025.`,

	"Japanese": `お問い合わせは{{Phone|03-1234-5678}}または{{Email|info@example.jp}}まで。料金は1,234円(2025/01/14現在)です。`,

	"a shell": `$ curl -u deploy:{{APIKey|S3cretPw9}} https://ci.example.com/job/1234567890/build -d 'ref=main'
$ ssh -p 2222 ann@{{IPAddress|192.0.2.10}} "uptime"
$ git clone git@github.com:org/repo.git && git checkout 9fceb02
$ docker run -e DB_PASSWORD={{APIKey|hunter22x}} -p 127001:80 app:1.2.3
$ kubectl get pods -n kube-system # 12/12 running, 3 restarts (45h ago)`,

	"a lesson": `The key idea is simple: a password should be long. "Tr0ub4dor" is famous, yet a passphrase of four words is better. The
token ring network of the 1980s passed a token; secret sharing splits a secret into n parts. ISBN 978-0-13-468599-1, 3rd
edition, pp. 1024-1040; the ratio 16:9, pi 3.14159265358979, the year 2025, the speed 299792458 m/s, 1e10 and 6.02214076e23.
Call it what you like! The area of a 3.5x7.25 sheet is 25.375; 1-2-3 go. Dial F for fun. Phone numbers have 10 digits.`,
}

// unmarked gives the document without its marks, and the findings that they mark.
func unmarked(document string) (text string, want []Span) {
	kinds := map[string]Kind{}
	for k := range kindCount {
		kinds[k.String()] = k
	}
	var b strings.Builder
	rest := document
	for {
		at := marked.FindStringSubmatchIndex(rest)
		if at == nil {
			b.WriteString(rest)
			return b.String(), want
		}
		b.WriteString(rest[:at[0]])
		start := b.Len()
		b.WriteString(made.ReplaceAllStringFunc(rest[at[4]:at[5]], func(s string) string {
			n := 0
			for _, c := range s[1:] {
				n = n*10 + int(c-'0')
			}
			if s[0] == '%' {
				return hexDrawn(n)
			}
			return drawn(n)
		}))
		want = append(want, Span{start, b.Len(), kinds[rest[at[2]:at[3]]]})
		rest = rest[at[1]:]
	}
}

func TestDocuments(t *testing.T) {
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			text, want := unmarked(document)
			told := func(spans []Span) []string {
				var s []string
				for _, f := range spans {
					s = append(s, f.Kind.String()+" "+text[f.Start:f.End])
				}
				return s
			}
			got := Find(nil, []byte(text), All)
			if diff := cmp.Diff(told(want), told(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			whole, _ := Redact(nil, []byte(text), All)
			for _, size := range []int{1, 3, 4, 11} {
				s := NewStream(All)
				pieces, _ := streamed(t, s, []byte(text), All, func() int { return size })
				if diff := cmp.Diff(string(whole), string(pieces)); diff != "" {
					t.Errorf("in pieces of %d (-whole +pieces):\n%s", size, diff)
				}
			}
		})
	}
}
