// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"strconv"
	"time"
)

// Reason is the gateway's own word for why it did not give a plain answer: the x-spark-reason header, and the reason
// of logs.
type Reason string

// The reasons.
const (
	ReasonMissingKey          Reason = "missing_api_key"
	ReasonInvalidKey          Reason = "invalid_api_key"
	ReasonKeyExpired          Reason = "key_expired"
	ReasonKeyDisabled         Reason = "key_disabled"
	ReasonInvalidToken        Reason = "invalid_token"
	ReasonTokenExpired        Reason = "token_expired"
	ReasonIssuerUnavailable   Reason = "issuer_unavailable"
	ReasonEndpointNotAllowed  Reason = "endpoint_not_allowed"
	ReasonAddressNotAllowed   Reason = "address_not_allowed"
	ReasonModelNotAllowed     Reason = "model_not_allowed"
	ReasonIPLimit             Reason = "ip_request_limit"
	ReasonRequestLimit        Reason = "request_limit"
	ReasonTokenLimit          Reason = "token_limit"
	ReasonCostLimit           Reason = "cost_limit"
	ReasonConcurrency         Reason = "concurrency_limit"
	ReasonBudget              Reason = "budget_exceeded"
	ReasonUnpriced            Reason = "price_unknown"
	ReasonStoreDown           Reason = "limit_store_unavailable"
	ReasonExports             Reason = "too_many_exports"
	ReasonNotMaster           Reason = "master_key_required"
	ReasonUnknownURL          Reason = "unknown_url"
	ReasonMethod              Reason = "method_not_allowed"
	ReasonMalformed           Reason = "malformed_request"
	ReasonHeaderTooLarge      Reason = "header_too_large"
	ReasonBodyTooLarge        Reason = "body_too_large"
	ReasonBodyTimeout         Reason = "body_timeout"
	ReasonHeaderTimeout       Reason = "header_timeout"
	ReasonEncoding            Reason = "unsupported_content_encoding"
	ReasonCompression         Reason = "bad_compression"
	ReasonDecompressed        Reason = "decompressed_too_large"
	ReasonBodySlow            Reason = "body_too_slow"
	ReasonBodyDeep            Reason = "body_too_deep"
	ReasonHeaderFields        Reason = "too_many_header_fields"
	ReasonMessages            Reason = "too_many_messages"
	ReasonInputTokens         Reason = "input_tokens"
	ReasonOrigin              Reason = "origin_not_allowed"
	ReasonInvalidBody         Reason = "invalid_body"
	ReasonModelNotFound       Reason = "model_not_found"
	ReasonUntranslatable      Reason = "untranslatable_field"
	ReasonUnsupported         Reason = "unsupported_by_provider"
	ReasonOutputTokens        Reason = "max_output_tokens"
	ReasonUnpinned            Reason = "provider_of_id"
	ReasonClientGone          Reason = "client_gone"
	ReasonNotReady            Reason = "not_ready"
	ReasonDraining            Reason = "draining"
	ReasonInternal            Reason = "internal_error"
	ReasonConnect             Reason = "upstream_connect_failed"
	ReasonConnectTimeout      Reason = "upstream_connect_timeout"
	ReasonFirstTokenTimeout   Reason = "upstream_first_token_timeout"
	ReasonBetweenTokens       Reason = "upstream_between_tokens_timeout"
	ReasonTotalTimeout        Reason = "upstream_total_timeout"
	ReasonReset               Reason = "upstream_reset"
	ReasonTruncated           Reason = "upstream_truncated"
	ReasonInvalidResponse     Reason = "upstream_invalid_response"
	ReasonResponseTooLarge    Reason = "upstream_response_too_large"
	ReasonAuthFailed          Reason = "upstream_auth_failed"
	ReasonProviderStatus      Reason = "upstream_status"
	ReasonProviderErrorEvent  Reason = "upstream_error_event"
	ReasonProviderUnsupported Reason = "upstream_unsupported_encoding"
	ReasonThroughput          Reason = "upstream_min_throughput"
	ReasonOvertaken           Reason = "overtaken"
	ReasonBreakerOpen         Reason = "circuit_breaker_open"
	ReasonProviderQuota       Reason = "provider_quota"
	ReasonNoTarget            Reason = "no_target"
	ReasonNotCached           Reason = "not_cached"
	ReasonPromptInjection     Reason = "prompt_injection"
	ReasonPII                 Reason = "pii"
	ReasonDenyPattern         Reason = "deny_pattern"
	ReasonControlCharacters   Reason = "control_characters"
	ReasonSystemPromptLeak    Reason = "system_prompt_leak"
	ReasonImageLink           Reason = "image_link"
	ReasonGuardDenied         Reason = "guard_denied"
	ReasonGuardUnavailable    Reason = "guard_unavailable"
	ReasonModeration          Reason = "moderation"
	ReasonUnsanitizable       Reason = "not_sanitizable"
)

// Error is a refusal or a failure as the client may know it, plus a Cause that only the log may know. A dialect
// renders it.
type Error struct {
	// Status is the HTTP status, where it can still be said.
	Status int
	// Type and Code are OpenAI's words; other dialects map them.
	Type, Code string
	// Param names the field of the request at fault; empty when there is none.
	Param string
	// Message is for the client and holds no secret.
	Message string
	Reason  Reason
	Outcome Outcome
	// RetryAfter is how long to wait before trying again; 0 says nothing.
	RetryAfter time.Duration
	// Limit names the limit or budget that refused the request, for a header; empty where none did.
	Limit string
	// Final says that trying again is of no use.
	Final bool
	// Cause is for the log only.
	Cause error
}

// Error gives the reason, status and cause. It is for logs.
func (e *Error) Error() string {
	text := string(e.Reason) + " (" + strconv.Itoa(e.Status) + ")"
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// OpenAI's error types.
const (
	TypeInvalidRequest = "invalid_request_error"
	TypeAuthentication = "authentication_error"
	TypePermission     = "permission_error"
	TypeRateLimit      = "rate_limit_error"
	TypeQuota          = "insufficient_quota"
	TypeServer         = "server_error"
	TypeUpstream       = "upstream_error"
)

// Invalid is a 400 that names the field at fault, "" for the whole body.
func Invalid(param, message string) *Error {
	return &Error{
		Status: 400, Type: TypeInvalidRequest, Param: param, Message: message,
		Reason: ReasonInvalidBody, Outcome: Refused,
	}
}
