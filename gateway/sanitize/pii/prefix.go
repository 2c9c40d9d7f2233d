// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package pii

// prefix is how the keys of an issuer begin, and what follows: at least least bytes of the alphabet, and exactly as many
// where most is the same; most 0 is no bound.
type prefix struct {
	text        string
	alphabet    classes
	least, most int
	plain       bool // what follows need not look random
}

// prefixes are those that issuers document, by the kind of the issuer.
var prefixes = []prefix{
	// Models.
	{text: "sk-ant-", alphabet: token, least: 32}, {text: "sk-proj-", alphabet: token, least: 32},
	{text: "sk-svcacct-", alphabet: token, least: 32}, {text: "sk-admin-", alphabet: token, least: 32},
	{text: "sk-or-v1-", alphabet: hex, least: 32}, {text: "sk-lf-", alphabet: token, least: 32},
	{text: "sk-None-", alphabet: token, least: 32}, {text: "sk-", alphabet: alnum, least: 20},
	{text: "spark-", alphabet: token, least: 20}, {text: "gsk_", alphabet: alnum, least: 40},
	{text: "xai-", alphabet: alnum, least: 40}, {text: "pplx-", alphabet: alnum, least: 40},
	{text: "hf_", alphabet: alnum, least: 30}, {text: "api_org_", alphabet: alnum, least: 30},
	{text: "r8_", alphabet: alnum, least: 32}, {text: "nvapi-", alphabet: token, least: 40},
	{text: "fw_", alphabet: alnum, least: 20}, {text: "csk-", alphabet: alnum, least: 40},
	{text: "lsv2_pt_", alphabet: word, least: 32}, {text: "lsv2_sk_", alphabet: word, least: 32},
	{text: "tvly-", alphabet: token, least: 20}, {text: "pcsk_", alphabet: word, least: 40},
	{text: "jina_", alphabet: word, least: 40}, {text: "pa-", alphabet: token, least: 40},
	{text: "AIza", alphabet: token, least: 35, most: 35}, {text: "ya29.", alphabet: token, least: 20},
	{text: "GOCSPX-", alphabet: token, least: 28},
	{text: "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t", alphabet: base64, plain: true},
	{text: "ABSKQmVkcm9ja0FQSUtleS", alphabet: base64, least: 40},
	// Clouds.
	{text: "AKIA", alphabet: upper | digit, least: 16, most: 16}, {text: "ASIA", alphabet: upper | digit, least: 16, most: 16},
	{text: "ABIA", alphabet: upper | digit, least: 16, most: 16}, {text: "ACCA", alphabet: upper | digit, least: 16, most: 16},
	{text: "A3T", alphabet: upper | digit, least: 17, most: 17}, {text: "LTAI", alphabet: alnum, least: 12, most: 26},
	{text: "dop_v1_", alphabet: hex, least: 64}, {text: "doo_v1_", alphabet: hex, least: 64},
	{text: "dor_v1_", alphabet: hex, least: 64}, {text: "HRKU-", alphabet: token, least: 36},
	{text: "AQVN", alphabet: token, least: 30}, {text: "v1.0-", alphabet: token, least: 100},
	{text: "fo1_", alphabet: token, least: 40}, {text: "FlyV1 fm", alphabet: jwtText | token, least: 40},
	{text: "tk-us-", alphabet: token, least: 48}, {text: "rnd_", alphabet: alnum, least: 28},
	{text: "sbp_", alphabet: hex, least: 40}, {text: "sb_secret_", alphabet: token, least: 20},
	{text: "napi_", alphabet: alnum, least: 32}, {text: "dapi", alphabet: hex, least: 32, most: 32},
	{text: "dose", alphabet: hex, least: 32, most: 32}, {text: "4b1d", alphabet: alnum, least: 38, most: 38},
	{text: "pscale_tkn_", alphabet: jwtText | token, least: 32}, {text: "pscale_pw_", alphabet: jwtText | token, least: 32},
	{text: "pscale_oauth_", alphabet: jwtText | token, least: 32}, {text: "sha256~", alphabet: token, least: 43, most: 43},
	// Code, builds and packages.
	{text: "ghp_", alphabet: alnum, least: 36}, {text: "gho_", alphabet: alnum, least: 36},
	{text: "ghu_", alphabet: alnum, least: 36}, {text: "ghs_", alphabet: alnum, least: 36},
	{text: "ghr_", alphabet: alnum, least: 36}, {text: "github_pat_", alphabet: word, least: 36},
	{text: "glpat-", alphabet: dotted, least: 20}, {text: "gldt-", alphabet: token, least: 20},
	{text: "glrt-", alphabet: dotted, least: 20}, {text: "glcbt-", alphabet: token, least: 20, plain: true},
	{text: "glptt-", alphabet: token, least: 40, most: 40, plain: true}, {text: "glft-", alphabet: token, least: 20},
	{text: "glimt-", alphabet: token, least: 25, most: 25, plain: true}, {text: "glagent-", alphabet: token, least: 50, plain: true},
	{text: "gloas-", alphabet: token, least: 64, most: 64}, {text: "glsoat-", alphabet: token, least: 20},
	{text: "glffct-", alphabet: token, least: 20}, {text: "GR1348941", alphabet: token, least: 20},
	{text: "npm_", alphabet: alnum, least: 36}, {text: "pypi-AgE", alphabet: token, least: 50, plain: true},
	{text: "rubygems_", alphabet: hex, least: 48}, {text: "CLOJARS_", alphabet: alnum, least: 60},
	{text: "dckr_pat_", alphabet: token, least: 24}, {text: "CCIPAT_", alphabet: word, least: 40},
	{text: "bkua_", alphabet: hex, least: 40}, {text: "pul-", alphabet: hex, least: 40, most: 40},
	{text: "pnu_", alphabet: alnum, least: 36, most: 36}, {text: "sgp_", alphabet: hex, least: 40},
	{text: "sqp_", alphabet: hex, least: 40}, {text: "squ_", alphabet: hex, least: 40}, {text: "sqa_", alphabet: hex, least: 40},
	{text: "AKCp", alphabet: alnum, least: 69, most: 69}, {text: "cmVmdGtu", alphabet: alnum, least: 56, most: 56},
	{text: "ATATT3", alphabet: jwtText | token, least: 100}, {text: "ATBB", alphabet: alnum, least: 32, most: 32},
	{text: "API-", alphabet: upper | digit, least: 26, most: 26}, {text: "PMAK-", alphabet: token, least: 59},
	{text: "lin_api_", alphabet: alnum, least: 40}, {text: "lin_oauth_", alphabet: alnum, least: 40},
	{text: "ntn_", alphabet: alnum, least: 40}, {text: "figd_", alphabet: token, least: 40},
	{text: "CFPAT-", alphabet: token, least: 40}, {text: "rdme_", alphabet: alnum, least: 70},
	{text: "ddp_", alphabet: alnum, least: 36}, {text: "phx_", alphabet: alnum, least: 40},
	// Secrets, networks and watching.
	{text: "hvs.", alphabet: token, least: 24}, {text: "hvb.", alphabet: token, least: 24}, {text: "hvr.", alphabet: token, least: 24},
	{text: "s.", alphabet: alnum, least: 24, most: 24}, {text: "dp.pt.", alphabet: alnum, least: 40},
	{text: "dp.st.", alphabet: dotted, least: 40}, {text: "dp.ct.", alphabet: alnum, least: 40},
	{text: "ops_eyJ", alphabet: base64, least: 60}, {text: "AGE-SECRET-KEY-1", alphabet: upper | digit, least: 58},
	{text: "tskey-", alphabet: token, least: 20}, {text: "glsa_", alphabet: word, least: 32},
	{text: "glc_", alphabet: base64, least: 32}, {text: "eyJrIjoi", alphabet: base64, least: 50},
	{text: "sntrys_", alphabet: jwtText | token, least: 60}, {text: "sntryu_", alphabet: hex, least: 64},
	{text: "dt0c01.", alphabet: dotted, least: 80}, {text: "dt0s01.", alphabet: dotted, least: 80},
	{text: "NRAK-", alphabet: token, least: 27}, {text: "NRJS-", alphabet: token, least: 19}, {text: "NRII-", alphabet: token, least: 32},
	{text: "ico-", alphabet: alnum, least: 32, most: 32}, {text: "pat.", alphabet: dotted, least: 60},
	{text: "sat.", alphabet: dotted, least: 60}, {text: "dnkey-", alphabet: jwtText | token, least: 40},
	// Payments and shops.
	{text: "sk_live_", alphabet: alnum, least: 10}, {text: "sk_test_", alphabet: alnum, least: 10},
	{text: "sk_prod_", alphabet: alnum, least: 10}, {text: "rk_live_", alphabet: alnum, least: 10},
	{text: "rk_test_", alphabet: alnum, least: 10}, {text: "rk_prod_", alphabet: alnum, least: 10},
	{text: "whsec_", alphabet: base64, least: 24}, {text: "sk_", alphabet: hex, least: 48},
	{text: "shpat_", alphabet: hex, least: 32}, {text: "shpca_", alphabet: hex, least: 32},
	{text: "shppa_", alphabet: hex, least: 32}, {text: "shpss_", alphabet: hex, least: 32},
	{text: "sq0atp-", alphabet: token, least: 22}, {text: "sq0csp-", alphabet: token, least: 43},
	{text: "EAAA", alphabet: token, least: 56, most: 60}, {text: "rzp_live_", alphabet: alnum, least: 14},
	{text: "FLWSECK", alphabet: token, least: 17}, {text: "FLWPUBK", alphabet: token, least: 17},
	{text: "EZAK", alphabet: alnum, least: 54, most: 54}, {text: "EZTK", alphabet: alnum, least: 54, most: 54},
	{text: "shippo_live_", alphabet: hex, least: 40}, {text: "shippo_test_", alphabet: hex, least: 40},
	{text: "duffel_live_", alphabet: token, least: 43}, {text: "duffel_test_", alphabet: token, least: 43},
	{text: "access_token$production$", alphabet: token | localSign | valueSign, least: 40},
	{text: "sm_aat_", alphabet: alnum, least: 16, most: 16}, {text: "sm_pat_", alphabet: alnum, least: 16, most: 16},
	{text: "sm_sat_", alphabet: alnum, least: 16, most: 16},
	// Messages and files.
	{text: "xoxb-", alphabet: token, least: 16, plain: true}, {text: "xoxp-", alphabet: token, least: 16, plain: true},
	{text: "xoxa-", alphabet: token, least: 16, plain: true}, {text: "xoxr-", alphabet: token, least: 16, plain: true},
	{text: "xoxs-", alphabet: token, least: 16, plain: true}, {text: "xoxo-", alphabet: token, least: 24},
	{text: "xoxe-", alphabet: token, least: 16}, {text: "xoxe.xox", alphabet: dotted, least: 40}, {text: "xapp-", alphabet: token, least: 24},
	{text: "hooks.slack.com/services/", alphabet: alnum | base64Sign, least: 30},
	{text: "discord.com/api/webhooks/", alphabet: token | base64Sign, least: 60},
	{text: "discordapp.com/api/webhooks/", alphabet: token | base64Sign, least: 60},
	{text: "SG.", alphabet: jwtText | token, least: 50}, {text: "xkeysib-", alphabet: token, least: 64},
	{text: "xsmtpsib-", alphabet: token, least: 64}, {text: "re_", alphabet: word, least: 30},
	{text: "SK", alphabet: lower | digit, least: 32, most: 32}, {text: "AC", alphabet: lower | digit, least: 32, most: 32},
	{text: "key-", alphabet: hex, least: 32, most: 32}, {text: "pubkey-", alphabet: hex, least: 32, most: 32},
	{text: "fio-u-", alphabet: jwtText | token, least: 60}, {text: "sl.", alphabet: token, least: 130},
	{text: "EAACEdEose0cBA", alphabet: alnum, least: 20}, {text: "secret_", alphabet: alnum, least: 43, most: 43},
	{text: "tfp_", alphabet: dotted, least: 59}, {text: "pk.eyJ", alphabet: dotted, least: 40}, {text: "sk.eyJ", alphabet: dotted, least: 40},
	{text: "p8e-", alphabet: alnum, least: 32, most: 32}, {text: "s-s4t2ud-", alphabet: hex, least: 64},
	{text: "s-s4t2af-", alphabet: hex, least: 64}, {text: "sk_V2_", alphabet: word, least: 32},
}

// byFirst are the prefixes by their first byte, the longer before the shorter.
var byFirst = func() (table [256][]prefix) {
	for _, p := range prefixes {
		of := table[p.text[0]]
		i := 0
		for i < len(of) && len(of[i].text) >= len(p.text) {
			i++
		}
		of = append(of, prefix{})
		copy(of[i+1:], of[i:])
		of[i] = p
		table[p.text[0]] = of
	}
	return table
}()
