// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/webhook"
	authenticationv1 "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
)

// How long the API server's words stand.
const (
	tokenStands   = 10 * time.Second
	allowedStands = 10 * time.Second
	deniedStands  = 5 * time.Second
)

// Guard lets requests through to a handler, or answers them itself.
type Guard func(http.Handler) http.Handler

// Authorized lets those through whose bearer token the API server knows (TokenReview) and whom it allows the method on the path
// (SubjectAccessReview of a non-resource URL). Others get 401, 403 or, when it cannot be asked, 503, in JSON. Its words stand for ten
// seconds. No token is logged.
//
// It is not controller-runtime's filter of metrics, which answers a token that is not valid with 500: the page must tell that from a
// failure, to ask for another one.
func Authorized(config *rest.Config, client *http.Client, log logr.Logger) (Guard, error) {
	who, err := authenticators(config, client)
	if err != nil {
		return nil, err
	}
	may, err := authorizers(config, client)
	if err != nil {
		return nil, err
	}
	return guard(who, may, log), nil
}

// retries of questions to the API server: a page that polls asks again soon anyway.
var retries = wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 3}

// authenticators take the token of the Authorization header alone. DelegatingAuthenticatorConfig would take one of a WebSocket's
// protocols as well, and hand on the error of both as one that no longer says whether the API server was reached.
func authenticators(config *rest.Config, client *http.Client) (authenticator.Request, error) {
	reviews, err := authenticationv1.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	unmeasured := webhook.AuthenticatorMetrics{
		RecordRequestTotal:   func(context.Context, string) {},
		RecordRequestLatency: func(context.Context, string, float64) {},
	}
	asks, err := webhook.NewFromInterface(reviews, nil, retries, roundTime, unmeasured)
	if err != nil {
		return nil, err
	}
	const keepErrors = false
	return group.NewAuthenticatedGroupAdder(bearertoken.New(cache.New(asks, keepErrors, tokenStands, tokenStands))), nil
}

func authorizers(config *rest.Config, client *http.Client) (authorizer.Authorizer, error) {
	reviews, err := authorizationv1.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	return authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: reviews,
		AllowCacheTTL:             allowedStands,
		DenyCacheTTL:              deniedStands,
		WebhookRetryBackoff:       &retries,
	}.New()
}

// permits is what is needed of an authorizer.Authorizer.
type permits interface {
	Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error)
}

func guard(who authenticator.Request, may permits, log logr.Logger) Guard {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			known, ok, err := who.AuthenticateRequest(r)
			switch {
			case unasked(err):
				log.Error(err, "the API server cannot be asked whose a token is")
				refuse(w, http.StatusServiceUnavailable, "the API server cannot be asked whose the token is")
				return
			case err != nil || !ok:
				w.Header().Set("WWW-Authenticate", "Bearer")
				refuse(w, http.StatusUnauthorized, "a bearer token of this cluster is needed")
				return
			}
			decision, _, err := may.Authorize(r.Context(), authorizer.AttributesRecord{
				User: known.User, Verb: strings.ToLower(r.Method), Path: r.URL.Path,
			})
			switch {
			case err != nil && decision != authorizer.DecisionAllow:
				log.Error(err, "the API server cannot be asked who may use the console", "user", known.User.GetName())
				refuse(w, http.StatusServiceUnavailable, "the API server cannot be asked what you may do")
				return
			case decision != authorizer.DecisionAllow:
				refuse(w, http.StatusForbidden, known.User.GetName()+" may not "+strings.ToLower(r.Method)+" "+r.URL.Path+
					": bind the ClusterRole spark-console-viewer")
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), viewerKey{}, known.User.GetName())))
		})
	}
}

type viewerKey struct{}

// viewer tells those who ask apart: by the user where a Guard knows one, for behind a forwarded port all have one address, or else by
// the address.
func viewer(r *http.Request) string {
	if user, known := r.Context().Value(viewerKey{}).(string); known {
		return "user " + user
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return "address " + host
}

// unasked tells that the API server was not reached, or did not do as asked, from its word that a token is not valid.
func unasked(err error) bool {
	if err == nil {
		return false
	}
	var status apierrors.APIStatus
	var way *url.Error
	var network net.Error
	return errors.As(err, &status) || errors.As(err, &way) || errors.As(err, &network) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || wait.Interrupted(err)
}

// Loopback lets everybody through who calls the console by a name of this machine: a page of another site, whose name was led here,
// does not. It stands in for Authorized where the console listens on a loopback address and asks for no token.
func Loopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsLoopback(r.Host) {
			refuse(w, http.StatusForbidden, "call the console by localhost or its address")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// IsLoopback says whether "host:port", or a host alone, is this machine.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
