import java.nio.file.Files;
import java.nio.file.Path;
import sun.security.pkcs.PKCS7;
import sun.security.pkcs.SignerInfo;

/** Verifies a detached CMS signature with the code behind jarsigner: Cms SIGNATURE CONTENT. */
public class Cms {
    public static void main(String[] files) throws Exception {
        PKCS7 cms = new PKCS7(Files.readAllBytes(Path.of(files[0])));
        SignerInfo[] signers = cms.verify(Files.readAllBytes(Path.of(files[1])));
        if (signers == null || signers.length != 1) {
            throw new SecurityException("not verified");
        }
        System.out.println("valid " + signers[0].getCertificate(cms).getSubjectX500Principal());
    }
}
