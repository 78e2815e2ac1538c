"""How a client reaches the brokers: it takes the safest way in that MSK offers, and no way without TLS.

Confluent's client gets its tokens from the MSK signer, Spark's from aws-msk-iam-auth; both sign with the
credentials of the caller's own role, unless the caller brings others.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

IAM, TLS = "iam", "tls"
RECONNECT = {"reconnect.backoff.ms": "1000", "reconnect.backoff.max.ms": "10000"}
"""How long a client waits before it connects to a broker again, in milliseconds, the second the most.

A small broker takes four connections a second from IAM clients and refuses more; MSK advises a second.
https://docs.aws.amazon.com/msk/latest/developerguide/limits.html
"""
OFFERS = {IAM: "BootstrapBrokerStringSaslIam", TLS: "BootstrapBrokerStringTls"}
"""Ways in, the preferred one first, by what GetBootstrapBrokers calls their addresses."""


class NoWayInError(Exception):
    """The cluster offers no way in that a client may take."""


@dataclass(frozen=True)
class Brokers:
    """Addresses of a cluster's brokers, and the way in that they are for."""

    way: str
    addresses: str
    region: str
    credentials: Any = None
    """Provider of botocore whose credentials sign Confluent's tokens; None for the process' own."""

    @classmethod
    def of_cluster(cls, kafka: Any, cluster_arn: str, credentials: Any = None) -> Brokers:
        """What a cluster offers; `kafka` is a boto3 client."""
        answer = kafka.get_bootstrap_brokers(ClusterArn=cluster_arn)
        return cls.offered(answer, cluster_arn.split(":")[3], credentials)

    @classmethod
    def offered(cls, answer: Mapping[str, Any], region: str, credentials: Any = None) -> Brokers:
        """The best of what GetBootstrapBrokers answered. NoWayInError if that is only plaintext, or SCRAM."""
        for way, name in OFFERS.items():
            if answer.get(name):
                return cls(way, str(answer[name]), region, credentials)
        raise NoWayInError(f"the cluster offers neither {' nor '.join(OFFERS.values())}")

    def client_settings(self) -> dict[str, Any]:
        """Settings of librdkafka."""
        settings: dict[str, Any] = {"bootstrap.servers": self.addresses}
        authorities = ssl.get_default_verify_paths().cafile
        if authorities:
            settings["ssl.ca.location"] = authorities
        if self.way == TLS:
            return {**settings, "security.protocol": "SSL"}
        return {
            **settings,
            **RECONNECT,
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "OAUTHBEARER",
            "oauth_cb": self._token,
        }

    def spark_options(self) -> dict[str, str]:
        """Options of Spark's Kafka source and sink."""
        options = {"kafka.bootstrap.servers": self.addresses}
        if self.way == TLS:
            return {**options, "kafka.security.protocol": "SSL"}
        return {
            **options,
            **{f"kafka.{name}": value for name, value in RECONNECT.items()},
            "kafka.security.protocol": "SASL_SSL",
            "kafka.sasl.mechanism": "OAUTHBEARER",
            "kafka.sasl.jaas.config": (
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
            ),
            "kafka.sasl.login.callback.handler.class": (
                "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler"
            ),
        }

    def _token(self, _: str) -> tuple[str, float]:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # type: ignore[import-untyped]

        if self.credentials is None:
            token, expires = MSKAuthTokenProvider.generate_auth_token(self.region)
        else:
            token, expires = MSKAuthTokenProvider.generate_auth_token_from_credentials_provider(
                self.region, self.credentials
            )
        return token, expires / 1000
