package refstack;

import java.io.IOException;
import java.util.Collections;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/**
 * SASL/OAUTHBEARER as MSK's IAM access control has it: the token is a signed request, and names its signer.
 *
 * <p>A broker takes a number of new connections a second, by its instance type. One more is refused, in MSK's
 * words and as an authentication that failed, which Kafka's clients do not try again.
 */
public final class IamTokenValidator implements AuthenticateCallbackHandler {
    private static final long LIFETIME_MS = 900000L;
    private static final String LIMIT = "refstack.iam.connections.per.second";
    private static final long SECOND_NANOS = 1000000000L;
    // The broker has a validator for each of its network threads; the limit is the broker's.
    private static final LinkedList accepted = new LinkedList();

    private int limit;

    public void configure(Map configs, String mechanism, List entries) {
        Object given = configs.get(LIMIT);
        limit = given == null ? Integer.MAX_VALUE : Integer.parseInt(given.toString());
    }

    public void close() {}

    public void handle(Callback[] callbacks) throws IOException, UnsupportedCallbackException {
        for (int i = 0; i < callbacks.length; i++) {
            if (callbacks[i] instanceof OAuthBearerValidatorCallback) {
                validate((OAuthBearerValidatorCallback) callbacks[i]);
            } else if (callbacks[i] instanceof OAuthBearerExtensionsValidatorCallback) {
                // Clients send none that would have a meaning here.
                continue;
            } else {
                throw new UnsupportedCallbackException(callbacks[i]);
            }
        }
    }

    private void takeTurn() {
        synchronized (accepted) {
            long now = System.nanoTime();
            while (!accepted.isEmpty() && now - ((Long) accepted.getFirst()).longValue() >= SECOND_NANOS) {
                accepted.removeFirst();
            }
            if (accepted.size() >= limit) {
                throw new SaslAuthenticationException("[" + UUID.randomUUID() + "]: Too many connects");
            }
            accepted.addLast(Long.valueOf(now));
        }
    }

    private void validate(OAuthBearerValidatorCallback callback) throws IOException {
        takeTurn();
        final String token = callback.tokenValue();
        final String principal = EmbeddedAws.ask(new String[] {"token", token});
        if (principal == null) {
            callback.error("invalid_token", null, null);
            return;
        }
        final long expires = System.currentTimeMillis() + LIFETIME_MS;
        callback.token(new OAuthBearerToken() {
            public String value() { return token; }
            public Set scope() { return Collections.emptySet(); }
            public long lifetimeMs() { return expires; }
            public String principalName() { return principal; }
            public Long startTimeMs() { return null; }
        });
    }
}
