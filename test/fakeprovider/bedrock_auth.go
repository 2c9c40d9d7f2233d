// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"crypto/hmac"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// AWSKey is a pair of keys that signs requests to the Bedrock dialect, and the session token that belongs to temporary
// ones.
type AWSKey struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // of temporary keys, which are refused without it; default: none
}

// signatureSkew is how far a signature's time may be from now, as for AWS.
const signatureSkew = 5 * time.Minute

// amazonTime is how X-Amz-Date is written.
const amazonTime = "20060102T150405Z"

const signatureScheme = "AWS4-HMAC-SHA256 "

// admit wants a signature of one of Options.AWSKeys, or one of Options.APIKeys as a Bearer token. With neither option
// everyone may ask.
func (b bedrock) admit(r *http.Request, body []byte) *failure {
	options := b.server.options
	if len(options.AWSKeys) == 0 && len(options.APIKeys) == 0 {
		return nil
	}
	authorization := r.Header.Get("Authorization")
	token, isBearer := strings.CutPrefix(authorization, "Bearer ")
	switch {
	case isBearer && slices.Contains(options.APIKeys, token):
		return nil
	case isBearer:
		return denied("UnrecognizedClientException", "The security token included in the request is invalid.")
	case strings.HasPrefix(authorization, signatureScheme):
		return verifySignature(r, body, options.AWSKeys, time.Now())
	case authorization == "":
		return denied("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	return denied("IncompleteSignatureException", "Authorization header requires 'Credential' parameter.")
}

func denied(kind, message string) *failure {
	return &failure{status: http.StatusForbidden, kind: kind, message: message}
}

// signatureClaim is what an Authorization header says of a signature, Signature Version 4.
type signatureClaim struct {
	keyID, region, service string
	headers                []string
	signature              string
}

func claimOf(authorization string) (signatureClaim, bool) {
	var claim signatureClaim
	var scope string
	for field := range strings.SplitSeq(strings.TrimPrefix(authorization, signatureScheme), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Credential":
			claim.keyID, scope, _ = strings.Cut(value, "/")
		case "SignedHeaders":
			claim.headers = strings.Split(value, ";")
		case "Signature":
			claim.signature = value
		}
	}
	parts := strings.Split(scope, "/") // date, region, service, aws4_request
	if len(parts) != 4 || parts[3] != "aws4_request" || claim.signature == "" || len(claim.headers) == 0 {
		return claim, false
	}
	claim.region, claim.service = parts[1], parts[2]
	return claim, true
}

// verifySignature signs the request again, with the same headers and for the same moment, and compares.
func verifySignature(r *http.Request, body []byte, keys []AWSKey, now time.Time) *failure {
	claim, ok := claimOf(r.Header.Get("Authorization"))
	if !ok {
		return denied("IncompleteSignatureException", "Authorization header requires 'Credential', 'SignedHeaders' and "+
			"'Signature' parameters.")
	}
	at := slices.IndexFunc(keys, func(k AWSKey) bool { return k.AccessKeyID == claim.keyID })
	if at < 0 || keys[at].SessionToken != r.Header.Get("X-Amz-Security-Token") {
		return denied("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	signedAt, err := time.Parse(amazonTime, r.Header.Get("X-Amz-Date"))
	switch {
	case err != nil:
		return denied("IncompleteSignatureException", "Authorization header requires existence of either a 'X-Amz-Date' or "+
			"a 'Date' header.")
	case now.Sub(signedAt).Abs() > signatureSkew:
		return denied("InvalidSignatureException", "Signature expired: "+signedAt.Format(amazonTime))
	case claim.service != "bedrock":
		return denied("InvalidSignatureException", "Credential should be scoped to correct service: 'bedrock'.")
	case !claim.covers(r):
		return denied("InvalidSignatureException", "'Host' and every 'X-Amz-' header must be in the signed headers.")
	}
	expected, err := signAgain(r, body, keys[at], claim, signedAt)
	if err != nil || !hmac.Equal([]byte(expected), []byte(claim.signature)) {
		return denied("InvalidSignatureException", "The request signature we calculated does not match the signature you "+
			"provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// covers says whether everything is signed that must be.
func (c signatureClaim) covers(r *http.Request) bool {
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(c.headers, name) {
			return false
		}
	}
	return slices.Contains(c.headers, "host")
}

func signAgain(r *http.Request, body []byte, key AWSKey, claim signatureClaim, at time.Time) (string, error) {
	again := &http.Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: http.Header{}}
	for _, name := range claim.headers {
		if name == "content-length" {
			again.ContentLength = r.ContentLength
		} else if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	credentials := aws.Credentials{
		AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey, SessionToken: key.SessionToken,
	}
	err := v4.NewSigner().SignHTTP(r.Context(), credentials, again, SHA256Of(string(body)), claim.service, claim.region, at)
	if err != nil {
		return "", err
	}
	made, _ := claimOf(again.Header.Get("Authorization"))
	return made.signature, nil
}
