package refstack;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.Endpoint;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.server.authorizer.Action;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.apache.kafka.server.authorizer.AuthorizationResult;
import org.apache.kafka.server.authorizer.Authorizer;
import org.apache.kafka.server.authorizer.AuthorizerServerInfo;

/** Holds what IAM clients do against the deployed policies; each new thing is asked once. */
public final class IamAuthorizer implements Authorizer {
    private final Map known = new ConcurrentHashMap();

    public void configure(Map configs) {}

    public void close() {}

    public Map start(AuthorizerServerInfo server) {
        Map ready = new HashMap();
        for (Iterator it = server.endpoints().iterator(); it.hasNext();) {
            ready.put((Endpoint) it.next(), CompletableFuture.completedFuture(null));
        }
        return ready;
    }

    public List authorize(AuthorizableRequestContext context, List actions) {
        List results = new ArrayList(actions.size());
        for (Iterator it = actions.iterator(); it.hasNext();) {
            Action action = (Action) it.next();
            results.add(
                allowed(
                    context.principal().getName(),
                    action.operation().name(),
                    action.resourcePattern().resourceType().name(),
                    action.resourcePattern().name()));
        }
        return results;
    }

    public AuthorizationResult authorizeByResourceType(
            AuthorizableRequestContext context, AclOperation operation, ResourceType type) {
        return AuthorizationResult.ALLOWED;
    }

    private AuthorizationResult allowed(String principal, String operation, String type, String name) {
        // The brokers themselves, and the embedded AWS, come without a name by a listener of their own.
        if (!principal.startsWith("arn:")) {
            return AuthorizationResult.ALLOWED;
        }
        String key = principal + " " + operation + " " + type + " " + name;
        AuthorizationResult result = (AuthorizationResult) known.get(key);
        if (result == null) {
            String[] question = {"principal", principal, "operation", operation, "type", type, "name", name};
            try {
                result = EmbeddedAws.ask(question) == null ? AuthorizationResult.DENIED : AuthorizationResult.ALLOWED;
            } catch (IOException problem) {
                return AuthorizationResult.DENIED;
            }
            known.put(key, result);
        }
        return result;
    }

    public List createAcls(AuthorizableRequestContext context, List bindings) {
        throw new UnsupportedOperationException("MSK's IAM access control has no ACLs");
    }

    public List deleteAcls(AuthorizableRequestContext context, List filters) {
        throw new UnsupportedOperationException("MSK's IAM access control has no ACLs");
    }

    public Iterable acls(AclBindingFilter filter) {
        return Collections.emptyList();
    }
}
