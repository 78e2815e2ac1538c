package refstack;

import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/** SASL/OAUTHBEARER as MSK's IAM access control has it: the token is a signed request, and names its signer. */
public final class IamTokenValidator implements AuthenticateCallbackHandler {
    private static final long LIFETIME_MS = 900000L;

    public void configure(Map configs, String mechanism, List entries) {}

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

    private void validate(OAuthBearerValidatorCallback callback) throws IOException {
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
