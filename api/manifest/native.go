// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apimachineryvalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
)

// decodeNative reads a kind that Kubernetes itself has, as strictly as the API server. No error holds a value.
func decodeNative(encoded []byte, into any) field.ErrorList {
	unknown, err := kjson.UnmarshalStrict(encoded, into)
	if err != nil {
		// The decoder's error may quote a value.
		return field.ErrorList{field.TypeInvalid(nil, "", "a field has the wrong type")}
	}
	var errs field.ErrorList
	for _, err := range unknown {
		var at kjson.FieldError
		if errors.As(err, &at) {
			errs = append(errs, field.Forbidden(field.NewPath(at.FieldPath()), "unknown field"))
		}
	}
	return errs
}

// decodeSecret gives a Secret as it would be stored: stringData merged into data, type set.
func decodeSecret(raw map[string]any, encoded []byte) (*corev1.Secret, field.ErrorList) {
	if errs := checkSecretValues(raw); len(errs) > 0 {
		return nil, errs
	}
	secret := &corev1.Secret{}
	errs := decodeNative(encoded, secret)
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	for key, value := range secret.StringData {
		secret.Data[key] = []byte(value)
	}
	secret.StringData = nil
	if secret.Type == "" {
		secret.Type = corev1.SecretTypeOpaque
	}
	return secret, append(errs, checkSecret(secret)...)
}

// checkSecretValues names the key whose value cannot be decoded, which the decoder's error does not without the value.
func checkSecretValues(raw map[string]any) field.ErrorList {
	var errs field.ErrorList
	for _, name := range []string{"data", "stringData"} {
		values, ok := raw[name].(map[string]any)
		if !ok && raw[name] != nil {
			errs = append(errs, field.TypeInvalid(field.NewPath(name), "", "must be a map of strings"))
		}
		for key, value := range values {
			text, ok := value.(string)
			switch {
			case value == nil:
			case !ok:
				errs = append(errs, field.TypeInvalid(field.NewPath(name).Key(key), "", "must be a string; put it in quotes"))
			case name == "data":
				if _, err := base64.StdEncoding.DecodeString(text); err != nil {
					errs = append(errs, field.Invalid(field.NewPath(name).Key(key), "", "must be base64; plain text goes into stringData"))
				}
			}
		}
	}
	return errs
}

// required are the keys that a Secret of a type must have. Of basic-auth either suffices, so it is not here.
var required = map[corev1.SecretType][]string{
	corev1.SecretTypeTLS:              {corev1.TLSCertKey, corev1.TLSPrivateKeyKey},
	corev1.SecretTypeDockercfg:        {corev1.DockerConfigKey},
	corev1.SecretTypeDockerConfigJson: {corev1.DockerConfigJsonKey},
	corev1.SecretTypeSSHAuth:          {corev1.SSHAuthPrivateKey},
}

func checkSecret(secret *corev1.Secret) field.ErrorList {
	errs := apimachineryvalidation.ValidateObjectMeta(&secret.ObjectMeta, true, apimachineryvalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
	data, size := field.NewPath("data"), 0
	for key, value := range secret.Data {
		for _, message := range validation.IsConfigMapKey(key) {
			errs = append(errs, field.Invalid(data.Key(key), key, message))
		}
		size += len(value)
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(data, "", corev1.MaxSecretSize))
	}
	for _, key := range required[secret.Type] {
		if _, ok := secret.Data[key]; !ok {
			errs = append(errs, field.Required(data.Key(key), "is required in a Secret of type "+string(secret.Type)))
		}
	}
	return append(errs, checkSecretType(secret, data)...)
}

// checkSecretType holds what is asked of a type beyond the presence of keys.
func checkSecretType(secret *corev1.Secret, data *field.Path) field.ErrorList {
	switch secret.Type {
	case corev1.SecretTypeBasicAuth:
		_, user := secret.Data[corev1.BasicAuthUsernameKey]
		_, password := secret.Data[corev1.BasicAuthPasswordKey]
		if !user && !password {
			return field.ErrorList{field.Required(data, "a Secret of type "+string(secret.Type)+" needs username or password")}
		}
	case corev1.SecretTypeSSHAuth:
		if value, ok := secret.Data[corev1.SSHAuthPrivateKey]; ok && len(value) == 0 {
			return field.ErrorList{field.Required(data.Key(corev1.SSHAuthPrivateKey), "is empty")}
		}
	case corev1.SecretTypeServiceAccountToken:
		if secret.Annotations[corev1.ServiceAccountNameKey] == "" {
			return field.ErrorList{field.Required(field.NewPath("metadata", "annotations").Key(corev1.ServiceAccountNameKey), "")}
		}
	case corev1.SecretTypeDockercfg, corev1.SecretTypeDockerConfigJson:
		key := required[secret.Type][0]
		if value, ok := secret.Data[key]; ok && json.Unmarshal(value, &map[string]any{}) != nil {
			return field.ErrorList{field.Invalid(data.Key(key), "", "must be a JSON object")}
		}
	}
	return nil
}

// decodeNamespace gives a Namespace with the label that the API server sets on each.
func decodeNamespace(encoded []byte) (*corev1.Namespace, field.ErrorList) {
	namespace := &corev1.Namespace{}
	errs := decodeNative(encoded, namespace)
	errs = append(errs, apimachineryvalidation.ValidateObjectMeta(&namespace.ObjectMeta, false, apimachineryvalidation.ValidateNamespaceName, field.NewPath("metadata"))...)
	namespace.Labels = namespaceLabels(namespace.Name, namespace.Labels)
	return namespace, errs
}

func namespaceLabels(name string, labels map[string]string) map[string]string {
	all := maps.Clone(labels)
	if all == nil {
		all = map[string]string{}
	}
	all[corev1.LabelMetadataName] = name
	return all
}
