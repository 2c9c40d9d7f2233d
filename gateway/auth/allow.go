// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net/netip"
	"strconv"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/exchange"
)

// operations are what the endpoints of a configuration allow.
var operations = map[config.Endpoint][]exchange.Operation{
	config.EndpointAudio:       {exchange.Speech, exchange.Transcription, exchange.Translation},
	config.EndpointBatches:     {exchange.Batches},
	config.EndpointChat:        {exchange.Chat, exchange.CountTokens, exchange.StoredResponse},
	config.EndpointCompletions: {exchange.Completions},
	config.EndpointEmbeddings:  {exchange.Embeddings},
	config.EndpointFiles:       {exchange.Files},
	config.EndpointImages:      {exchange.ImageGeneration, exchange.ImageEdit, exchange.ImageVariation},
	config.EndpointModerations: {exchange.Moderation},
	config.EndpointRealtime:    {exchange.Realtime},
	config.EndpointRerank:      {exchange.Rerank},
}

// always are the operations that no list can forbid. As they are bits too, a list of endpoints of which this version knows
// none still is not 0, which would allow all.
const always = 1<<exchange.NoOperation | 1<<exchange.ListModels

// Allowed parses what a configuration allows; nil allows everything. What cannot be understood allows nothing.
func Allowed(a *config.Allow) *exchange.Allowed {
	if a == nil || len(a.Models)+len(a.Endpoints)+len(a.CIDRs) == 0 {
		return nil
	}
	parsed := &exchange.Allowed{}
	if len(a.Models) > 0 {
		parsed.Models = a.Models
	}
	for _, e := range a.Endpoints {
		parsed.Operations |= always
		for _, op := range operations[e] {
			parsed.Operations |= 1 << op
		}
	}
	if len(a.CIDRs) > 0 {
		parsed.Prefixes = make([]netip.Prefix, 0, len(a.CIDRs))
	}
	for _, cidr := range a.CIDRs {
		if p, err := netip.ParsePrefix(cidr); err == nil {
			parsed.Prefixes = append(parsed.Prefixes, p.Masked())
		}
	}
	return parsed
}

// allowances holds each distinct Allow once, parsed: those who have the same are many.
type allowances struct {
	parsed  map[string]*exchange.Allowed
	scratch []byte
}

func (s *allowances) of(a *config.Allow) *exchange.Allowed {
	if a == nil {
		return nil
	}
	s.scratch = s.scratch[:0]
	for _, m := range a.Models {
		s.scratch = strconv.AppendQuote(append(s.scratch, 'm'), m)
	}
	for _, e := range a.Endpoints {
		s.scratch = strconv.AppendQuote(append(s.scratch, 'e'), string(e))
	}
	for _, c := range a.CIDRs {
		s.scratch = strconv.AppendQuote(append(s.scratch, 'c'), c)
	}
	if known, ok := s.parsed[string(s.scratch)]; ok {
		return known
	}
	if s.parsed == nil {
		s.parsed = map[string]*exchange.Allowed{}
	}
	parsed := Allowed(a)
	s.parsed[string(s.scratch)] = parsed
	return parsed
}

var (
	errEndpoint = &exchange.Error{
		Status: 403, Type: exchange.TypePermission, Code: "endpoint_not_allowed",
		Message: "You are not allowed to use this endpoint.",
		Reason:  exchange.ReasonEndpointNotAllowed, Outcome: exchange.Refused,
	}
	errAddress = &exchange.Error{
		Status: 403, Type: exchange.TypePermission, Code: "address_not_allowed",
		Message: "You are not allowed to use this gateway from your network address.",
		Reason:  exchange.ReasonAddressNotAllowed, Outcome: exchange.Refused,
	}
	errModel = &exchange.Error{
		Status: 404, Type: exchange.TypeInvalidRequest, Code: "model_not_found", Param: "model",
		Message: "The model does not exist or you do not have access to it.",
		Reason:  exchange.ReasonModelNotAllowed, Outcome: exchange.Refused,
	}
)

// Permit gives a 403 where the principal may not come from the client's address, or not use the operation; an address that
// is not valid is in no network. It does not allocate.
func Permit(p *exchange.Principal, op exchange.Operation, ip netip.Addr) *exchange.Error {
	if p.Allow == nil {
		return nil
	}
	if p.Allow.Prefixes != nil && !within(p.Allow.Prefixes, ip) {
		return errAddress
	}
	if p.Allow.Operations != 0 && p.Allow.Operations>>op&1 == 0 {
		return errEndpoint
	}
	return nil
}

func within(prefixes []netip.Prefix, ip netip.Addr) bool {
	// A prefix contains no address of the other family, nor one with a zone.
	ip = ip.Unmap().WithZone("")
	for _, p := range prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// maxModelBytes bounds the names that patterns are tried on.
const maxModelBytes = 4096

// PermitModel gives a 404 where the principal may not use a model, by the name that the client wrote: whether there is one
// of that name is not told. It does not allocate.
func PermitModel(p *exchange.Principal, model []byte) *exchange.Error {
	if mayUse(p, model) {
		return nil
	}
	return errModel
}

// MayUse says whether the principal may use a model, for lists.
func MayUse(p *exchange.Principal, model string) bool { return mayUse(p, model) }

func mayUse[N string | []byte](p *exchange.Principal, model N) bool {
	if p.Allow == nil || p.Allow.Models == nil {
		return true
	}
	if len(model) > maxModelBytes {
		return false
	}
	for _, pattern := range p.Allow.Models {
		if config.MatchName(pattern, model) {
			return true
		}
	}
	return false
}
